package config

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFaces: of a picture only the pixels are left, whatever else the file held; what is no picture, or too large a one, is refused.
func TestFaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := []byte("Exif\x00\x00 52.5N 13.4E <script>")
	pixels := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range pixels.Pix {
		pixels.Pix[i] = byte(i)
	}
	encoded := func(kind string, m image.Image) []byte {
		var b bytes.Buffer
		var err error
		if kind == "png" {
			err = png.Encode(&b, m)
		} else {
			err = jpeg.Encode(&b, m, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	segment := append([]byte{0xff, 0xe1, 0, byte(len(secret) + 2)}, secret...) // APP1
	photo := encoded("jpeg", pixels)
	parse := func(name string, data []byte) (*Config, error) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		return Parse(strings.Replace(good, `"bob@agents.example"`, "\"bob@agents.example\"\nname = \"Bob B.\"\npublic_name = \"Bob\"\npicture = \""+name+"\"", 1), dir, environment)
	}
	for name, data := range map[string][]byte{
		"a.jpg": append(append(append([]byte{}, photo[:2]...), segment...), photo[2:]...),
		"b.jpg": append(append([]byte{}, photo...), secret...),
		"c.png": append(encoded("png", pixels), secret...),
	} {
		c, err := parse(name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		bob := c.Agents[1]
		out := bob.Face.Bytes
		m, kind, err := image.Decode(bytes.NewReader(out))
		if err != nil || bob.Face.Type != "image/"+kind || m.Bounds() != pixels.Bounds() || bob.Shown != "Bob" || len(bob.Face.Sum) != 32 {
			t.Errorf("%s became %s of %d bytes: %v, %+v", name, bob.Face.Type, len(out), err, bob)
			continue
		}
		if bytes.Contains(out, []byte("52.5N")) || bytes.Contains(out, []byte("<script>")) {
			t.Errorf("%s still has what stood in it", name)
		}
		if kind == "png" && m.At(7, 5) != color.NRGBAModel.Convert(pixels.At(7, 5)) {
			t.Errorf("%s has other pixels", name)
		}
		if c.Agents[0].Shown != "" {
			t.Errorf("somebody without a name is shown as %q", c.Agents[0].Shown)
		}
	}
	for name, data := range map[string][]byte{
		"large.png": encoded("png", image.NewGray(image.Rect(0, 0, 257, 8))),
		"half.png":  encoded("png", pixels)[:200],
		"heavy.png": append(encoded("png", pixels), make([]byte, maxPicture)...),
		"no.svg":    []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"),
		"no.gif":    []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
	} {
		if c, err := parse(name, data); err == nil || !strings.Contains(err.Error(), "agent.picture") {
			t.Errorf("%s passes: %v, %v", name, c != nil, err)
		}
	}
}
