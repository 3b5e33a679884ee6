// Package relay is where the links, the rooms, the desk and the store meet: the
// loop that turns stanzas into inputs, facts into records and records into
// stanzas. It decides nothing about who serves whom (dispatch) or about rooms (muc).
//
// One goroutine, the loop, owns all state. What waits in the inbox becomes one
// batch and one commit; only then is anything of it sent. What is sent to the
// customers' side is built in words.go from a record (an agent wrote to the
// contact, or one of the desk's own texts) or is a signal: there is no code path from a
// room to a customer.
package relay
