//go:build !race

package dispatch_test

const slower = 1
