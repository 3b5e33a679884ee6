package web

import (
	"fmt"
	"maps"
	"net/http"
	runtimemetrics "runtime/metrics"
	"slices"
	"strconv"
	"strings"
)

const textType = "text/plain; charset=utf-8"

func health(view View) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", textType)
		w.Header().Set("Cache-Control", "no-store")
		if err := view.Health(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, err)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// metrics writes the desk's figures and the proxy's in Prometheus' text format
// 0.0.4, sorted. A name that ends in _total is a counter; what follows a "{" is labels.
func metrics(view View, front *proxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		figures := view.Metrics()
		names := make([]string, 0, len(figures)+2)
		all := make(map[string]float64, len(figures)+2)
		for name, value := range figures {
			all[name] = value
		}
		open, refused := front.doors.figures()
		all["web_sockets"] = float64(open)
		all["web_sockets_refused_total"] = float64(refused)
		maps.Copy(all, process())
		for name := range all {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			if c := strings.Compare(family(a), family(b)); c != 0 {
				return c // one family stays together whatever its labels
			}
			return strings.Compare(a, b)
		})
		var b strings.Builder
		last := ""
		for _, name := range names {
			if f := family(name); f != last {
				last = f
				kind := "gauge"
				if strings.HasSuffix(f, "_total") {
					kind = "counter"
				}
				fmt.Fprintf(&b, "# TYPE frontdesk_%s %s\n", f, kind)
			}
			fmt.Fprintf(&b, "frontdesk_%s %s\n", name, strconv.FormatFloat(all[name], 'g', -1, 64))
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprint(w, b.String())
	})
}

// process are figures of Go itself: what the heap had in use at the last collection, and goroutines.
func process() map[string]float64 {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	runtimemetrics.Read(samples)
	return map[string]float64{"heap_live_bytes": float64(samples[0].Value.Uint64()), "goroutines": float64(samples[1].Value.Uint64())}
}

func family(name string) string {
	f, _, _ := strings.Cut(name, "{")
	return f
}
