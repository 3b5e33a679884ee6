package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"frontdesk/config"
)

// TestUsers: a token counts only if the site signed it, in the way that is configured, for us, and for a short while.
func TestUsers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	secret := []byte(strings.Repeat("s", 32))
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	by := func(w config.Web) *users {
		return newUsers(&config.Config{Front: config.Link{Domain: "help.example"}, Web: w}, func() time.Time { return now })
	}
	shared, public := by(config.Web{UsersSecret: secret}), by(config.Web{UsersKey: &pair.PublicKey})
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := func(more jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "u1", "name": "Maria", "email": "m@example.org", "exp": now.Add(time.Hour).Unix()}
		for k, v := range more {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		return c
	}
	hs := func(more jwt.MapClaims) string { return sign(jwt.SigningMethodHS256, secret, good(more)) }
	whole := hs(nil)
	for name, c := range map[string]struct {
		by    *users
		token string
		want  string // "" is Maria
	}{
		"secret":            {shared, whole, ""},
		"key pair":          {public, sign(jwt.SigningMethodES256, pair, good(nil)), ""},
		"for us":            {shared, hs(jwt.MapClaims{"aud": "help.example"}), ""},
		"for us and others": {shared, hs(jwt.MapClaims{"aud": []string{"other.example", "help.example"}}), ""},
		"for others":        {shared, hs(jwt.MapClaims{"aud": []string{"other.example", "third.example"}}), "somebody else"},
		"late, clocks":      {shared, hs(jwt.MapClaims{"exp": now.Add(-20 * time.Second).Unix()}), ""},
		"nobody configured": {by(config.Web{}), whole, "no site"},
		"another secret":    {shared, sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), good(nil)), "signature"},
		"another method":    {shared, sign(jwt.SigningMethodHS512, secret, good(nil)), "signing method"},
		"none":              {shared, sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil)), "signing method"},
		"secret for a pair": {public, whole, "signing method"},
		"over":              {shared, hs(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}), "expired"},
		"for ever":          {shared, hs(jwt.MapClaims{"exp": nil}), "exp"},
		"too long":          {shared, hs(jwt.MapClaims{"exp": now.Add(48 * time.Hour).Unix()}), "longer than a day"},
		"not yet":           {shared, hs(jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}), "not valid yet"},
		"nobody":            {shared, hs(jwt.MapClaims{"sub": ""}), "no sub"},
		"somebody else":     {shared, hs(jwt.MapClaims{"aud": "other.example"}), "somebody else"},
		"changed":           {shared, whole[:len(whole)-4] + "AAAA", "signature"},
		"no token":          {shared, "hello", "malformed"},
		"huge":              {shared, hs(jwt.MapClaims{"x": strings.Repeat("x", maxToken)}), "too long"},
	} {
		u, err := c.by.read(c.token, now)
		switch {
		case c.want == "" && (err != nil || u.Subject != "u1" || u.Name != "Maria" || u.Email != "m@example.org"):
			t.Errorf("%s: %v, %+v", name, err, u)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestIntroduce: what the site does not say, the customer has said himself.
func TestIntroduce(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	long := strings.Repeat("m", 90) + "@example.org"
	for _, x := range []struct{ told, says, want string }{
		{"m@example.org", "", "m@example.org"}, {"m@example.org", "maria@example.org", "maria@example.org"}, {"", long, long},
		{"m@example.org", "none", "m@example.org"}, {"", strings.Repeat("m", maxLearnt) + "@example.org", ""},
	} {
		c := &customer{N: 1, Email: x.told, Name: "Maria"}
		r.introduce(c, &claimRow{User: "u1", Email: x.says})
		if c.User != "u1" || c.Email != x.want || c.Name != "Maria" {
			t.Errorf("%q, of whom the site says %q, is %+v", x.told, shorten(x.says, 40), c)
		}
	}
}
