package relay

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestQuantiles: of any waits, the half and the nine tenths are known to within a tenth and a second.
func TestQuantiles(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var w tally
		var all []time.Duration
		for range 1 + chance.IntN(300) {
			wait := time.Duration(math.Exp(chance.Float64()*12) * float64(time.Second)) // up to two days
			all = append(all, wait)
			one := tally{Answered: 1, Waits: map[int]int{bucket(wait): 1}}
			w.add(&one)
		}
		slices.Sort(all)
		for _, share := range []float64{0.5, 0.9, 1} {
			exact := all[int(math.Ceil(share*float64(len(all))))-1]
			if got := w.quantile(share); (got - exact).Abs() > exact/10+time.Second {
				t.Fatalf("of %d waits, %v within %v; counted %v", len(all), share, exact, got)
			}
		}
	}
	if (&tally{}).quantile(0.5) != 0 {
		t.Error("nobody was answered, yet it took time")
	}
}
