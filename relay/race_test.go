//go:build race

package relay

const raced = true // the race detector is on
