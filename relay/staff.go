package relay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
	"frontdesk/texts"
)

// staffRow is what admins said of one person while the desk ran. It counts until the file says something new of him. The
// JSON names are in files for ever.
type staffRow struct {
	File     string          `json:"file,omitempty"` // what the file said of him then, as JSON; "" nothing
	Gone     bool            `json:"gone,omitempty"`
	Name     string          `json:"name,omitempty"`
	Role     config.Role     `json:"role,omitempty"`
	Capacity int             `json:"capacity,omitempty"`
	Queues   map[string]bool `json:"queues,omitempty"` // where that is not what the file says: in or out
}

// changed is the content of a record of kind kindStaffed.
type changed struct {
	JID  string   `json:"jid"`
	What staffRow `json:"what"`
}

// people makes the configuration in force: the file, and over it what admins said since.
func (r *Relay) people() (*config.Config, error) {
	rows := map[string]staffRow{}
	err := r.store.Rows(tableStaff, func(key string, value []byte) error {
		var w staffRow
		if err := json.Unmarshal(value, &w); err != nil {
			return fmt.Errorf("row %s/%s: %w", tableStaff, key, err)
		}
		rows[key] = w
		return nil
	})
	if err != nil {
		return nil, err
	}
	for k, v := range r.pending {
		if k.table != tableStaff {
			continue
		}
		delete(rows, k.key)
		var w staffRow
		if v != nil && json.Unmarshal(v, &w) == nil {
			rows[k.key] = w
		}
	}
	return r.overlaid(rows)
}

// inForce is people after a change of what it is made of. The rows of a change that comes to nothing are taken back.
func (r *Relay) inForce(change func()) (*config.Config, error) {
	rows, pending := len(r.rows), maps.Clone(r.pending)
	change()
	cfg, err := r.people()
	if err != nil {
		r.rows, r.pending = r.rows[:rows], pending
	}
	return cfg, err
}

// overlaid lays what admins said over the file.
func (r *Relay) overlaid(rows map[string]staffRow) (*config.Config, error) {
	var people []config.Person
	for _, p := range r.file.Agents {
		w, said := rows[p.JID]
		if said && w.File != filed(&p) {
			r.log.Info("the configuration says something new of an agent: what was said of him while the desk ran is over", "agent", p.JID)
			r.put(tableStaff, p.JID, nil)
			delete(rows, p.JID)
			said = false
		}
		switch {
		case !said:
			people = append(people, p)
		case !w.Gone:
			with := w.person(p.JID)
			with.Skills, with.Bot = p.Skills, p.Bot
			with.PublicName, with.Picture, with.Shown, with.Face = p.PublicName, p.Picture, p.Shown, p.Face
			people = append(people, with)
		}
	}
	for _, jid := range sortedKeys(rows) {
		if w := rows[jid]; !slices.ContainsFunc(r.file.Agents, func(p config.Person) bool { return p.JID == jid }) && !w.Gone {
			people = append(people, w.person(jid))
		}
	}
	queues := map[string][]string{}
	for _, q := range r.file.Queues {
		var list []string
		for _, p := range people {
			in := q.Line(&p) != config.NoLine
			if said, ok := rows[p.JID].Queues[q.Name]; ok {
				in = said
			}
			if in {
				list = append(list, p.JID)
			}
		}
		queues[q.Name] = list
	}
	return r.file.Staffed(people, queues)
}

func (w *staffRow) person(jid string) config.Person {
	p := config.Person{JID: jid, Name: w.Name, Role: w.Role, Capacity: w.Capacity}
	if w.Name != stanza.JID(jid).Local() { // else no admin has said it
		p.Shown = w.Name
	}
	return p
}

// filed is what the file says of somebody, to tell whether it changed.
func filed(p *config.Person) string { return string(mustJSON(p)) }

// sortedKeys gives a map's keys an order that does not change.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// employ makes a configuration the one in force, for relay alone.
func (r *Relay) employ(cfg *config.Config) {
	r.cfg = cfg
	r.public.Store(cfg)
	r.texts = texts.New(cfg.Language, cfg.Texts)
	if len(r.order) == 0 || r.rates.messages != cfg.Front.Messages {
		r.rates.settle(cfg.Front.Messages)
	}
	r.staff = make(map[string]*config.Person, len(cfg.Agents))
	for i := range cfg.Agents {
		r.staff[cfg.Agents[i].JID] = &cfg.Agents[i]
	}
	var order []*queue
	maps.Copy(r.former, r.queues)
	clear(r.queues)
	for _, q := range cfg.Queues {
		w := r.former[q.Name]
		if w == nil {
			w = &queue{name: q.Name, watchers: map[stanza.JID]bool{}}
		}
		r.queues[q.Name] = w
		w.title, w.agents, w.skills = q.Title, make(map[string]bool, len(q.Agents)), map[string]bool{}
		for _, a := range q.Agents {
			w.agents[a] = true
			for _, s := range r.staff[a].Skills {
				w.skills[s] = true
			}
		}
		w.gone, w.greet, w.placeEvery = q.Gone, q.Greet, q.PlaceEvery
		w.ask, w.askClosed, w.askFor, w.topics = q.Ask, q.AskClosed, q.AskFor, q.Topics
		w.farewell, w.rate, w.copies = q.Farewell, q.Rate, q.Copy
		w.showAgents = q.ShowAgents
		w.texts = texts.New(q.Language, q.Texts, cfg.Texts)
		if w.photo, w.zone = q.Photo, time.UTC; q.Week != nil {
			w.zone = q.Week.Zone
		}
		order = append(order, w)
	}
	r.order, r.visitors = order, visitors{nicks: make(map[string]string, len(cfg.Agents)), looks: map[string]bool{}, byQueue: map[string]map[string]muc.Affiliation{}}
	for _, p := range cfg.Agents {
		r.visitors.nicks[p.JID] = p.Name
		r.visitors.looks[muc.Look(p.Name)] = true
	}
}

// restaff puts the configuration that is in force now into everything that goes by it.
func (r *Relay) restaff(cfg *config.Config) {
	was := r.staff
	r.employ(cfg)
	for jid := range was {
		if r.staff[jid] == nil { // what his clients said is not what they say when he is back
			delete(r.accounts, jid)
		}
	}
	r.shelve()
	r.desk.Reconfigure(r.deskConfig())
	r.rooming(r.rooms.Reconfigure(r.now, r.roomsConfig()))
	r.rehostAll()
	r.relistEvery()
	r.decide(dispatch.Tick{}, nil)
	for _, p := range cfg.Agents {
		r.recruited(p.JID)
		if was[p.JID] == nil { // he may be in the lobby already
			r.sessions(p.JID)
		}
	}
	r.stale = true
}

// change has an admin's word about somebody kept, and put in force. The error is for him.
func (r *Relay) change(by, jid string, edit func(*staffRow) error) error {
	w := r.said(jid)
	if err := edit(&w); err != nil {
		return err
	}
	cfg, err := r.inForce(func() { r.put(tableStaff, jid, w) })
	if err != nil {
		return err
	}
	r.note(store.Agents, "", &entry{kind: kindStaffed, own: own{By: by}, words: &words{Body: string(mustJSON(changed{jid, w}))}})
	r.restaff(cfg)
	r.log.Info("an admin changed the staff", "agent", jid, "by", by, "gone", w.Gone, "role", w.Role)
	return nil
}

// said is what counts of somebody now, as a row to be edited.
func (r *Relay) said(jid string) staffRow {
	var w staffRow
	if r.row(tableStaff, jid, &w) {
		return w
	}
	for i := range r.file.Agents {
		if p := &r.file.Agents[i]; p.JID == jid {
			return staffRow{File: filed(p), Name: p.Name, Role: p.Role, Capacity: p.Capacity}
		}
	}
	return staffRow{Gone: true}
}

// hire adds an agent, or changes the role of one.
func (r *Relay) hire(by, jid, name string, role config.Role) error {
	return r.change(by, jid, func(w *staffRow) error {
		if w.Gone = false; w.Name == "" || name != "" {
			w.Name = name
		}
		if w.Name == "" {
			w.Name = stanza.JID(jid).Local()
		}
		w.Role = role
		if w.Capacity == 0 {
			w.Capacity = 5
		}
		return nil
	})
}

func (r *Relay) dismiss(by, jid string) error {
	err := r.change(by, jid, func(w *staffRow) error {
		w.Gone, w.Queues = true, nil
		return nil
	})
	if st := r.agentRow(jid); err == nil && st.Invited {
		st.Invited = false
		r.put(tableAgent, jid, st)
	}
	return err
}

// fixed reports whether the file alone says what somebody is: its admins cannot be locked out while the desk runs.
func (r *Relay) fixed(jid string) bool {
	return slices.ContainsFunc(r.file.Agents, func(p config.Person) bool { return p.JID == jid && p.Role == config.Admin })
}

// affiliated follows what somebody did to the lobby's lists from his client: who is a member there is an agent, its admins
// are supervisors, its owners admins.
func (r *Relay) affiliated(f *muc.Fact) {
	if f.Room != lobby || f.From == "" || !strings.Contains(f.JID, "@") {
		return
	}
	var err error
	switch p := r.staff[f.JID]; {
	case r.fixed(f.JID):
		return
	case f.Affiliation >= muc.Member:
		role := map[muc.Affiliation]config.Role{muc.Member: config.Agent, muc.Admin: config.Supervisor, muc.Owner: config.Admin}[f.Affiliation]
		if p != nil && p.Role == role {
			return
		}
		err = r.hire(f.From, f.JID, "", role)
	case p != nil:
		err = r.dismiss(f.From, f.JID)
	default:
		return
	}
	if err != nil {
		r.log.Warn("what was done to the lobby's list could not be done to the staff", "agent", f.JID, "by", f.From, "err", err)
	} else if f.Affiliation == muc.Outcast {
		return // he stays banned
	}
	r.rooming(r.rooms.Ungrant(r.now, lobby, f.JID))
}
