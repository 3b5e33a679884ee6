package web

import (
	"io"
	"net/http"
)

// copies serves the page of a copy of a conversation to whoever has its address: as plain text, which nothing that somebody wrote can
// turn into anything else.
func copies(view View) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSafety(w.Header(), "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h := w.Header()
		h.Set("Content-Type", textType)
		h.Set("Cache-Control", "private, no-store")
		h.Set("X-Robots-Tag", "noindex")
		text, lang, ok := view.Copy(r.PathValue("token"))
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "There is nothing here, or not any more.\n")
			return
		}
		h.Set("Content-Language", lang)
		io.WriteString(w, text)
	})
}
