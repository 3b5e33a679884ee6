package muc

import (
	"slices"
	"strings"

	"frontdesk/component/stanza"
)

// Settings are what a room's owners may choose (§10.2, §15.5.3). The JSON names are in files for ever.
type Settings struct {
	Name        string   `json:"name,omitempty"`
	Description string   `json:"desc,omitempty"`
	Lang        string   `json:"lang,omitempty"`
	Persistent  bool     `json:"persistent,omitempty"` // outlives its occupants
	Public      bool     `json:"public,omitempty"`     // listed for all who may know the service
	MembersOnly bool     `json:"members,omitempty"`
	Moderated   bool     `json:"moderated,omitempty"` // who is no member enters as a visitor
	Protected   bool     `json:"protected,omitempty"` // by Secret
	Secret      string   `json:"secret,omitempty"`
	Open        bool     `json:"whois,omitempty"`   // everybody sees addresses
	Invites     bool     `json:"invites,omitempty"` // members may make members by inviting
	Whispers    string   `json:"pm,omitempty"`      // who may send private messages: anyone, participants, moderators, none
	Subjects    bool     `json:"subject,omitempty"` // participants may set the subject
	Logging     bool     `json:"logging,omitempty"`
	Seats       int      `json:"seats,omitempty"`     // occupants; 0 is the service's bound
	History     int      `json:"history,omitempty"`   // messages for who enters
	Broadcast   []string `json:"broadcast,omitempty"` // roles whose presence the others see
	Lists       []string `json:"lists,omitempty"`     // roles that may get the list of members
}

var seatedRoles = []string{"moderator", "participant", "visitor"}

// usual are the settings of a new room: for everybody who may know the service, and gone with the last occupant.
func usual(local string) Settings {
	return Settings{Name: local, Public: true, Whispers: "anyone", History: 20, Broadcast: seatedRoles, Lists: []string{"moderator"}}
}

// fixed are the settings of a room of the config.
func fixed(rc RoomConfig, history int) Settings {
	s := usual(rc.Name)
	s.Description, s.Persistent, s.Public, s.MembersOnly, s.History = rc.Description, true, false, true, history
	return s
}

func (s *Settings) copied() Settings {
	c := *s
	c.Broadcast, c.Lists = slices.Clone(s.Broadcast), slices.Clone(s.Lists)
	return c
}

// setting is one field of the form that configures a room.
type setting struct {
	name, typ, label string
	options          []string
	free             bool // may change in a room of the config, too
	get              func(*Settings) []string
	set              func(*Settings, []string) bool // false: not acceptable
}

const roomconfig = nsMUC + "#roomconfig"

// choice is a setting that is on or off.
func choice(name, label string, at func(*Settings) *bool) setting {
	return setting{name: "muc#roomconfig_" + name, typ: "boolean", label: label,
		get: func(s *Settings) []string { return []string{flag(*at(s))} },
		set: func(s *Settings, v []string) bool {
			on, ok := truth(v)
			*at(s) = on
			return ok
		}}
}

// line is a setting of at most limit bytes in one line.
func line(name, typ, label string, limit int, at func(*Settings) *string) setting {
	return setting{name: "muc#roomconfig_" + name, typ: typ, label: label,
		get: func(s *Settings) []string { return []string{*at(s)} },
		set: func(s *Settings, v []string) bool {
			text := strings.TrimSpace(strings.Join(v, " "))
			*at(s) = strings.Clone(text)
			return len(text) <= limit
		}}
}

// number is a setting from 0 to limit; zero is the word for 0, if there is one.
func number(name, label, zero string, limit int, options []string, at func(*Settings) *int) setting {
	return setting{name: "muc#roomconfig_" + name, typ: "list-single", label: label, options: options,
		get: func(s *Settings) []string {
			if n := *at(s); n > 0 || zero == "" {
				return []string{itoa(n)}
			}
			return []string{zero}
		},
		set: func(s *Settings, v []string) bool {
			text := strings.TrimSpace(strings.Join(v, ""))
			n, ok := atoi(text)
			if zero != "" && (text == zero || text == "") {
				n, ok = 0, true
			}
			*at(s) = n
			return ok && n >= 0 && n <= limit
		}}
}

// some is a setting that picks roles.
func some(name, label string, at func(*Settings) *[]string) setting {
	return setting{name: "muc#roomconfig_" + name, typ: "list-multi", label: label, options: seatedRoles,
		get: func(s *Settings) []string { return *at(s) },
		set: func(s *Settings, v []string) bool {
			var picked []string
			for _, as := range seatedRoles {
				if slices.Contains(v, as) {
					picked = append(picked, as)
				}
			}
			*at(s) = picked
			return !slices.ContainsFunc(v, func(x string) bool { return !slices.Contains(seatedRoles, x) })
		}}
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// truth reads a boolean of a form (XEP-0004 §3.3).
func truth(v []string) (on, ok bool) {
	switch strings.TrimSpace(strings.Join(v, "")) {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

// either is the first of two where on is true.
func either(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

// roomKind is what sort of room it is (§4.2). No room is what strangers are told of.
func roomKind() feature {
	text := func(name, typ, label string, limit int, at func(*Settings) *string) setting {
		x := line(name, typ, label, limit, at)
		x.free = name != "roomname"
		return x
	}
	return feature{
		service: []string{nsMUC},
		room: func(r *room) []string {
			s := Settings{MembersOnly: true, Persistent: true}
			if r != nil {
				s = r.set
			}
			return []string{nsMUC,
				either(s.Public, "muc_public", "muc_hidden"), either(s.MembersOnly, "muc_membersonly", "muc_open"),
				either(s.Open, "muc_nonanonymous", "muc_semianonymous"), either(s.Persistent, "muc_persistent", "muc_temporary"),
				either(s.Moderated, "muc_moderated", "muc_unmoderated"), either(s.Protected, "muc_passwordprotected", "muc_unsecured")}
		},
		info: func(r *room) []field {
			all := []field{
				{"muc#roomconfig_roomname", r.set.Name},
				{"muc#roominfo_description", r.set.Description},
				{"muc#roominfo_occupants", itoa(len(r.occupants))},
			}
			if r.set.Lang != "" {
				all = append(all, field{"muc#roominfo_lang", r.set.Lang})
			}
			return all
		},
		form: []setting{
			text("roomname", "text-single", "Name", 256, func(s *Settings) *string { return &s.Name }),
			text("roomdesc", "text-single", "Description", maxStatus, func(s *Settings) *string { return &s.Description }),
			text("lang", "text-single", "Language", 35, func(s *Settings) *string { return &s.Lang }),
			choice("persistentroom", "Stays when everybody has left", func(s *Settings) *bool { return &s.Persistent }),
			choice("publicroom", "Listed", func(s *Settings) *bool { return &s.Public }),
			choice("membersonly", "For members only", func(s *Settings) *bool { return &s.MembersOnly }),
			choice("moderatedroom", "Moderated: only members may speak unasked", func(s *Settings) *bool { return &s.Moderated }),
		},
	}
}

// dataForm reads the fields of a submitted form. False where it is for something else.
func dataForm(x *stanza.Element, typ string) (map[string][]string, bool) {
	fields := map[string][]string{}
	for f := range x.Elements() {
		if !f.Is(nsForm, "field") || f.Attr("var") == "" {
			continue
		}
		values := []string{}
		for v := range f.Elements() {
			if v.Is(nsForm, "value") {
				values = append(values, v.Text())
			}
		}
		fields[f.Attr("var")] = values
	}
	given, named := fields["FORM_TYPE"]
	return fields, len(fields) == 0 || !named || len(given) == 1 && given[0] == typ
}

const nsForm = "jabber:x:data" // XEP-0004

// formQuestion is a field of a form that somebody is to fill in.
func formQuestion(name, typ, label string, options []string, values ...string) *stanza.Element {
	f := stanza.New(nsForm, "field", "var", name, "type", typ, "label", label)
	for _, v := range values {
		f.Add(stanza.Text(nsForm, "value", v))
	}
	for _, o := range options {
		f.Add(stanza.New(nsForm, "option", "label", o).Add(stanza.Text(nsForm, "value", o)))
	}
	return f
}
