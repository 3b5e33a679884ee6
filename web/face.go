package web

import (
	"net/http"
	"slices"

	"frontdesk/config"
)

// faces serves the pictures of agents, where some queue shows them, by the hash that messages name: PNG or JPEG that the configuration
// has written itself. One is asked for again every hour: what is switched off is gone.
func faces(view View) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSafety(w.Header(), scriptPolicy+"; sandbox")
		cfg, id := view.Config(), r.PathValue("id")
		i := slices.IndexFunc(cfg.Agents, func(p config.Person) bool { return p.Face.Type != "" && p.Face.Sum == id })
		if i < 0 || !slices.ContainsFunc(cfg.Queues, func(q config.Queue) bool { return q.ShowAgents }) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", cfg.Agents[i].Face.Type)
		w.Header().Set("Cache-Control", "private, max-age=3600")
		w.Write(cfg.Agents[i].Face.Bytes)
	})
}
