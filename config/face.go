package config

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxFace = 256 // pixels, of either side of an agent's picture

// shown is what customers may see of an agent where a queue shows its agents: never what stands before the @ unless somebody
// wrote it down as a name.
func (k *checker) shown(path string, a *Person) {
	at := join(path, "public_name")
	if n := a.PublicName; utf8.RuneCountInString(n) > maxNames || strings.TrimSpace(n) != n || strings.ContainsFunc(n, unprintable) {
		k.fault(at, "write a name of at most %d characters, as \"Anna\"", maxNames)
	}
	if a.Shown = a.PublicName; a.Shown == "" && k.given[join(path, "name")] {
		a.Shown = a.Name
	}
	if a.Picture == "" {
		return
	}
	a.Picture = k.path(a.Picture)
	at = join(path, "picture")
	if a.Shown == "" {
		k.fault(at, `has no effect without a name that customers see: write name or public_name = "Anna" beside it`)
		return
	}
	a.Face = k.face(at, a.Picture)
}

// unprintable is what could hide, or turn the direction of what stands beside it. What joins emoji may stand in a name.
func unprintable(r rune) bool {
	return r != ' ' && r != '\u200d' && (unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp) || r == utf8.RuneError)
}

// face reads a picture of somebody and writes its pixels anew, so that strangers get nothing else that the file held: where and with
// what it was taken, or what is no picture.
func (k *checker) face(at, path string) Image {
	text, _, err := readFile(path, maxPicture)
	if err != nil {
		k.fault(at, "%v", err)
		return Image{}
	}
	size, kind, err := image.DecodeConfig(strings.NewReader(text))
	if err != nil || kind != "png" && kind != "jpeg" || size.Width > maxFace || size.Height > maxFace {
		k.fault(at, "%s is no picture in PNG or JPEG of at most %d × %d pixels", path, maxFace, maxFace)
		return Image{}
	}
	pixels, _, err := image.Decode(strings.NewReader(text))
	if err != nil {
		k.fault(at, "%s is damaged: %v", path, err)
		return Image{}
	}
	var b bytes.Buffer
	if kind == "png" {
		err = png.Encode(&b, pixels)
	} else {
		err = jpeg.Encode(&b, pixels, &jpeg.Options{Quality: 90})
	}
	if err != nil { // a picture without pixels
		k.fault(at, "%s: %v", path, err)
		return Image{}
	}
	return imageOf("image/"+kind, b.Bytes())
}
