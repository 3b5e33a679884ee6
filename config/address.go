package config

import (
	"fmt"
	"strings"
	"unicode"

	"mellium.im/xmpp/jid"
)

// account splits a bare JID, normalised (RFC 7622), or says what to write instead.
func account(s string) (local, host, problem string) {
	j, err := jid.Parse(s)
	if err == nil && j.Localpart() != "" && j.Resourcepart() == "" {
		if host = domainpart(j.Domainpart()); host != "" {
			return j.Localpart(), host, ""
		}
	}
	if err == nil && j.Localpart() != "" && j.Resourcepart() != "" {
		return "", "", fmt.Sprintf("%q names one client of an account: write the account, %q", s, j.Bare())
	}
	return "", "", fmt.Sprintf(`%q is no account's address: write one as "anna@agents.example"`, s)
}

// localpart returns s as it stands before the @ of an address, or "".
func localpart(s string) string {
	j, err := jid.New(s, "example", "")
	if err != nil {
		return ""
	}
	return j.Localpart()
}

// domainpart returns a domain in lower case without the last dot, or "".
func domainpart(s string) string {
	s = strings.TrimSuffix(strings.ToLower(s), ".")
	for _, label := range strings.Split(s, ".") {
		odd := strings.IndexFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
		})
		if label == "" || odd >= 0 {
			return ""
		}
	}
	j, err := jid.New("", s, "")
	if err != nil {
		return ""
	}
	return j.Domainpart()
}
