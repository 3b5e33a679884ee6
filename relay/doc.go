// Package relay is where the links, the rooms, the desk and the store meet: the
// loop that turns stanzas into inputs, facts into records and records into
// stanzas. It decides nothing about who serves whom (dispatch) or about rooms (muc).
//
// One goroutine, the loop, owns all state. What waits in the inbox becomes one
// batch and one commit; only then is anything of it sent. Somebody's words go to the
// customers' side from a record alone (an agent wrote to the contact), by render.go
// and, where the customer asks for his archive, page.go, built in words.go from
// an allow-list; what else goes there is the desk's own texts and signals. There is no
// code path from a room to a customer.
package relay
