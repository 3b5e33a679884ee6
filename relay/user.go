package relay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"frontdesk/config"
)

// Bounds of a site's word for who its visitor is.
const (
	maxToken  = 4 << 10 // bytes
	maxSub    = 256     // bytes of who it is for
	tokenLife = 24 * time.Hour
	tokenSkew = 30 * time.Second // of the site's clock against ours
)

// user is who a site says that its visitor is: signed in there, and so the same customer on every device.
type user struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	jwt.RegisteredClaims
}

// users reads the tokens of a site (RFC 7519): signed with HS256 or ES256, as the configuration has a secret or a
// public key, by nothing else. nil where it has neither.
type users struct {
	parser *jwt.Parser
	key    any
	domain string // the front's: for whom a token is, if it says so
}

func newUsers(cfg *config.Config, now func() time.Time) *users {
	u := &users{domain: cfg.Front.Domain}
	method := ""
	switch {
	case cfg.Web.UsersSecret != nil:
		u.key, method = cfg.Web.UsersSecret, jwt.SigningMethodHS256.Alg()
	case cfg.Web.UsersKey != nil:
		u.key, method = cfg.Web.UsersKey, jwt.SigningMethodES256.Alg()
	default:
		return nil
	}
	u.parser = jwt.NewParser(jwt.WithValidMethods([]string{method}), jwt.WithExpirationRequired(), jwt.WithLeeway(tokenSkew), jwt.WithTimeFunc(now))
	return u
}

// read returns who a token is about; an error for one that is not the site's, is over, or holds longer than a day.
func (u *users) read(token string, now time.Time) (*user, error) {
	if u == nil {
		return nil, errors.New("no site may say here who its visitors are")
	}
	if len(token) > maxToken {
		return nil, errors.New("the token is too long")
	}
	v := &user{}
	if _, err := u.parser.ParseWithClaims(token, v, func(*jwt.Token) (any, error) { return u.key, nil }); err != nil {
		return nil, fmt.Errorf("the token: %w", err)
	}
	switch {
	case v.Subject == "" || len(v.Subject) > maxSub:
		return nil, errors.New("the token has no sub, or a long one")
	case v.ExpiresAt.After(now.Add(tokenLife + tokenSkew)):
		return nil, errors.New("the token holds longer than a day")
	case len(v.Audience) > 0 && !slices.ContainsFunc(v.Audience, func(who string) bool { return strings.EqualFold(who, u.domain) }):
		return nil, errors.New("the token is for somebody else")
	}
	return v, nil
}
