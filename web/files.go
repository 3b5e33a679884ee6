package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// file is one embedded file, compressed once at start. Immutable.
type file struct {
	plain, zipped []byte
	kind          string // Content-Type
	etag          string // weak: one for both encodings
	cache         string // Cache-Control
	open          bool   // other sites may load it
}

// loadFiles reads a whole tree that is part of the binary.
func loadFiles(root fs.FS) map[string]file {
	files := make(map[string]file)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".md" || path.Ext(name) == ".ts" {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err == nil {
			files[name] = newFile(name, text)
		}
		return err
	})
	if err != nil {
		panic("web: embedded files: " + err.Error())
	}
	return files
}

func newFile(name string, text []byte) file {
	sum := sha256.Sum256(text)
	f := file{plain: text, kind: contentType(name), etag: `W/"` + hex.EncodeToString(sum[:12]) + `"`, cache: "no-cache"}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic("web: " + err.Error())
	}
	z.Write(text) // neither fails on a bytes.Buffer
	z.Close()
	if b.Len() < len(text) {
		f.zipped = b.Bytes()
	}
	return f
}

// contentType does not ask the machine's MIME tables, which differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/plain; charset=utf-8"
}

// handler serves the file under a Content-Security-Policy.
func (f file) handler(policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSafety(w.Header(), policy)
		h := w.Header()
		if f.open {
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
			h.Set("Access-Control-Allow-Origin", "*")
		}
		h.Set("Content-Type", f.kind)
		h.Set("ETag", f.etag)
		h.Set("Cache-Control", f.cache)
		h.Set("Vary", "Accept-Encoding")
		body := f.plain
		if f.zipped != nil && acceptsGzip(r.Header) {
			h.Set("Content-Encoding", "gzip")
			body = f.zipped
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// setSafety sets what every page of ours carries.
func setSafety(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
}

func acceptsGzip(h http.Header) bool {
	for _, part := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, q, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if strings.EqualFold(coding, "gzip") {
			return strings.Trim(strings.TrimPrefix(q, "q="), "0.") != "" || q == ""
		}
	}
	return false
}
