package muc

import "testing"

func TestLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Anna", "АNNА", true}, {"Anna", "Ａｎｎａ", true}, {"Anna", "a-n n.a", true}, {"Anna", "Ánnà", true}, {"Anna", "Αnna", true},
		{"Bob", "B0b", true}, {"Bill", "BI1l", true}, {"Marnie", "Mamie", true}, {"desk", "Dеsk ✓", true}, {"Иван", "иван", true},
		{"Straße", "strasse", true}, {"★", "★", true},
		{"Anna", "Ann", false}, {"Anna", "Hanna", false}, {"Иван", "Ivan", false}, {"★", "☆", false}, {"★", "Anna", false}, {"Bob", "Rob", false},
		{"李明", "李敏", false}, {"محمد", "أحمد", false},
	} {
		if got := Look(c.a) == Look(c.b); got != c.same {
			t.Errorf("%q looks like %q: %v (%q, %q)", c.a, c.b, got, Look(c.a), Look(c.b))
		}
	}
}
