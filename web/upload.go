package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"frontdesk/config"
)

// Bounds of files. The server's own, for one file and in all, count too.
const (
	maxFile    = 100 << 20        // bytes of one upload
	uploadRate = 512 << 10        // bytes a second that one client address may upload, over time
	uploadSave = 64 << 20         // bytes that it may have saved up
	uploadTime = 10 * time.Minute // for one upload or download
)

// shown are the types that a browser may show in a page: pictures, sound and films, nothing with code in it.
var shown = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true,
	"audio/mpeg": true, "audio/ogg": true, "audio/wav": true, "video/mp4": true, "video/webm": true,
}

// filePolicy makes a file that is opened by itself do nothing.
const filePolicy = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox; frame-ancestors 'none'"

// files carries uploads and downloads (XEP-0363) to the XMPP server's own HTTP service, under our origin: who may put
// what there the server has decided when it gave out the slot. Whatever comes back is no page: not as HTML, not as a script.
type files struct {
	proxy  *httputil.ReverseProxy
	meters *meters
}

func newFiles(cfg *config.Config, log *slog.Logger) *files {
	server, err := url.Parse(cfg.Web.Files)
	if err != nil {
		panic("web: " + err.Error()) // config has checked it
	}
	to := &url.URL{Scheme: server.Scheme, Host: server.Host}
	return &files{
		meters: newMeters(uploadRate, uploadSave),
		proxy: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.Out.Host = r.In.Host // the name that the server was told for its addresses
				for _, name := range []string{"Cookie", "Origin", "Referer", "Forwarded", "X-Forwarded-For"} {
					r.Out.Header.Del(name)
				}
			},
			ModifyResponse: func(r *http.Response) error { makeInert(r.Header); return nil },
			Transport:      &http.Transport{ResponseHeaderTimeout: time.Minute, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute},
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				log.Warn("web: the server's file service does not answer", "err", err)
				http.Error(w, "try again later", http.StatusBadGateway)
			},
		},
	}
}

// makeInert sets what keeps a browser from taking a file for anything that acts.
func makeInert(h http.Header) {
	for _, name := range []string{"Set-Cookie", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Location", "Refresh", "Link"} {
		h.Del(name)
	}
	kind, _, _ := strings.Cut(strings.ToLower(h.Get("Content-Type")), ";")
	if !shown[strings.TrimSpace(kind)] {
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", "attachment")
	}
	setSafety(h, filePolicy)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // agents' clients show pictures, too
}

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPut:
		if r.ContentLength < 0 || r.ContentLength > maxFile {
			http.Error(w, "a file has a length, of at most "+strconv.Itoa(maxFile>>20)+" MB", http.StatusRequestEntityTooLarge)
			return
		}
		if wait := f.meters.take(clientAddress(r), time.Now(), float64(r.ContentLength)); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(1+int(wait.Seconds())))
			http.Error(w, "too much at once", http.StatusTooManyRequests)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, r.ContentLength)
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		http.Error(w, "a file is put or got", http.StatusMethodNotAllowed)
		return
	}
	until := time.Now().Add(uploadTime)
	control.SetReadDeadline(until) // not every writer has deadlines: then the server's hold
	control.SetWriteDeadline(until)
	f.proxy.ServeHTTP(w, r)
	io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // so that a refusal is read before the connection closes
}
