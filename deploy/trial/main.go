// Trial is what `make run` starts: a private Prosody with example hosts and
// accounts, and frontdesk beside it, both on 127.0.0.1 and in one folder. It
// stops both when it is told to (SIGINT, SIGTERM, SIGHUP) or when one of them
// ends. It is for trying out: never put it on a network.
//
// The environment: RUN_DIR is the folder (run), XMPP_PORT the port for clients
// (5222), HTTP_PORT that of the page (8080). Prosody's HTTP is XMPP_PORT+58
// (5280), the components' port XMPP_PORT+125 (5347).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	binary := flag.String("frontdesk", "./frontdesk", "the frontdesk `binary` to start")
	flag.Parse()
	// Further signals change nothing: make and terminals like to send two, and the stop is bounded.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if err := run(ctx, *binary, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "trial:", err)
		os.Exit(1)
	}
}
