package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"frontdesk/texts"
)

// Look is how the customers' page and the widget look: [web.look], and what [queue.look] lays over it. The zero value of a
// field says nothing.
type Look struct {
	Color         string        `toml:"color"`          // "#rrggbb" in lower case after Load; what is written on it is black or white, as can be read
	Position      string        `toml:"position"`       // left or right
	Theme         string        `toml:"theme"`          // light, dark, or system: the visitor's
	Logo          string        `toml:"logo"`           // path of a PNG, SVG, WebP or JPEG file of at most 32 KiB
	GreetingAfter time.Duration `toml:"greeting_after"` // 1 s to 1 h
	Texts         texts.Table   `toml:"texts"`          // by one of PageLanguages and one of lookTexts; "" is the page's own

	Image Image `toml:"-"` // what logo holds
}

// Image is a picture as the page serves it.
type Image struct {
	Type  string // media type; "" is no picture
	Bytes []byte // not to be changed
	Sum   string // of the bytes: SHA-256 in hex, cut to 32 digits
}

// Bounds of a look.
const (
	maxLogo  = 32 << 10 // bytes
	maxLooks = 30       // of queues: the widget's loader carries them all
	maxSaid  = 200      // characters of a text of the page
)

// PageLanguages are those that the page speaks. The first is for who wants none of them.
var PageLanguages = []string{"en", "de", "fr", "es", "zh"}

// lookTexts are the texts of the page that can be others, and how many characters of each fit where it stands.
var lookTexts = map[string]int{"title": maxNames, "greeting": maxSaid, "ask": maxSaid, "ask_more": maxSaid, "name": maxNames, "question": maxNames, "start": maxNames, "write": maxNames}

// IsZero reports whether a look says nothing.
func (l *Look) IsZero() bool { return reflect.ValueOf(*l).IsZero() }

// Over lays a look over another one, key by key and text by text.
func (l Look) Over(under Look) Look {
	if l.Color == "" {
		l.Color = under.Color
	}
	if l.Position == "" {
		l.Position = under.Position
	}
	if l.Theme == "" {
		l.Theme = under.Theme
	}
	if l.Logo == "" {
		l.Logo, l.Image = under.Logo, under.Image
	}
	if l.GreetingAfter == 0 {
		l.GreetingAfter = under.GreetingAfter
	}
	all := texts.Table{}
	for _, t := range []texts.Table{under.Texts, l.Texts} {
		for lang, said := range t {
			if all[lang] == nil {
				all[lang] = map[string]string{}
			}
			maps.Copy(all[lang], said)
		}
	}
	l.Texts = all
	return l
}

// filed is a look as the file has it.
func (l Look) filed() Look {
	if l.Image.Type != "" {
		l.Logo += " " + l.Image.Sum // another picture may have taken its place
	}
	return l
}

var hexColor = regexp.MustCompile(`^#([0-9a-f]{3}|[0-9a-f]{6})$`)

// look checks one, and reads its logo.
func (k *checker) look(path string, l *Look) {
	if l.Color != "" {
		c := strings.ToLower(l.Color)
		if !hexColor.MatchString(c) {
			k.fault(join(path, "color"), `%q is no colour here: write red, green and blue in hexadecimal digits, as "#1f5f8b"`, l.Color)
		} else if len(c) == 4 {
			c = string([]byte{'#', c[1], c[1], c[2], c[2], c[3], c[3]})
		}
		l.Color = c
	}
	if l.Position != "" {
		k.oneOf(join(path, "position"), l.Position, "left", "right")
	}
	if l.Theme != "" {
		k.oneOf(join(path, "theme"), l.Theme, "system", "light", "dark")
	}
	if at := join(path, "greeting_after"); k.given[at] {
		k.time(at, l.GreetingAfter, time.Second, time.Hour)
	}
	if l.Logo != "" {
		l.Logo = k.path(l.Logo)
		l.Image = k.image(join(path, "logo"), l.Logo)
	}
	for _, lang := range slices.Sorted(maps.Keys(l.Texts)) {
		at := join(join(path, "texts"), lang)
		if !slices.Contains(PageLanguages, lang) {
			k.fault(at, "the page does not speak %q: write one of %s", lang, strings.Join(PageLanguages, ", "))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(l.Texts[lang])) {
			k.lookText(join(at, key), key, l.Texts[lang][key])
		}
	}
}

func (k *checker) lookText(path, key, text string) {
	most, known := lookTexts[key]
	if !known {
		names := slices.Sorted(maps.Keys(lookTexts))
		k.fault(path, "there is no text of this name%s: write one of %s", meant(key, names), strings.Join(names, ", "))
	} else if utf8.RuneCountInString(text) > most || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		k.fault(path, "write one line of at most %d characters", most)
	}
}

// image reads a picture for the page.
func (k *checker) image(at, path string) Image {
	text, _, err := readFile(path, maxLogo)
	if err != nil {
		k.fault(at, "%v", err)
		return Image{}
	}
	b := []byte(text)
	typ := http.DetectContentType(b)
	if !slices.Contains([]string{"image/png", "image/jpeg", "image/webp"}, typ) {
		typ = "image/svg+xml"
		if err := svg(b); err != nil {
			why := ""
			if bytes.Contains(b, []byte("<svg")) {
				why = ": " + err.Error()
			}
			k.fault(at, "%s is no picture in PNG, SVG, WebP or JPEG%s", path, why)
			return Image{}
		}
	}
	return imageOf(typ, b)
}

func imageOf(typ string, b []byte) Image {
	sum := sha256.Sum256(b)
	return Image{Type: typ, Bytes: b, Sum: hex.EncodeToString(sum[:16])}
}

// svg returns what keeps a file from being SVG as browsers read it: XML whose root is <svg/>. Entities of its own are refused.
func svg(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	for root := false; ; {
		t, err := d.Token()
		if err == io.EOF && root {
			return nil
		}
		if err != nil {
			return err
		}
		if s, ok := t.(xml.StartElement); ok && !root {
			if root = s.Name.Local == "svg" && s.Name.Space == "http://www.w3.org/2000/svg"; !root {
				return errors.New("its root is not <svg xmlns=\"http://www.w3.org/2000/svg\">")
			}
		}
	}
}

// looks checks that of the page, and those of queues.
func (k *checker) looks() {
	k.look("web.look", &k.config.Web.Look)
	n := 0
	for i := range k.config.Queues {
		path, l := join(item("queue", i), "look"), &k.config.Queues[i].Look
		if k.look(path, l); !l.IsZero() {
			if n++; n == maxLooks+1 {
				k.fault(path, "at most %d queues can have a look of their own", maxLooks)
			}
		}
	}
}
