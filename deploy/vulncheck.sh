#!/bin/sh
# Looks for known vulnerabilities in what frontdesk calls, by govulncheck. A finding fails.
#
# The database is the newest golang.org/x/vulndb, through Go's module proxy like
# everything else: vuln.go.dev is often out of reach. The standard library is
# looked at in the version that go.mod asks for.
set -eu
cd "$(dirname "$0")/.."
tool=golang.org/x/vuln/cmd/govulncheck@v1.9.0
wanted=$(sed -n 's/^toolchain //p' go.mod)
here=$(go env GOVERSION)

left_out() {
	echo "WARNING: known vulnerabilities were NOT looked for: $1 cannot be fetched:" >&2
	echo "$2" | tail -n 3 >&2
	exit 0
}

found=$(go mod download -json golang.org/x/vulndb@latest 2>&1) || left_out golang.org/x/vulndb "$found"
database=$(echo "$found" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/data/osv
export GOTOOLCHAIN="$wanted"
found=$(go run $tool -version 2>&1) || left_out "$tool with $wanted" "$found"
[ "$(printf '%s\n' "$here" "$wanted" | sort -V | head -n 1)" = "$wanted" ] ||
	echo "WARNING: go.mod asks for $wanted, here is $here (GOTOOLCHAIN=$(GOTOOLCHAIN= go env GOTOOLCHAIN)): ship nothing built so."
echo "$tool ./... ($wanted, $(basename "${database%/data/osv}"))"
go run $tool -db "file://$database" ./...
