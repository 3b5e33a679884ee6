//go:build race

package dispatch_test

// slower is by how much the race detector, which finds nothing in a package without goroutines, makes the long tests shorter.
const slower = 5
