#!/bin/sh
# Installs by apt what is missing and says what: as root; else it prints the command.
#
#   deploy/install.sh run    what `make run` needs: Prosody
#   deploy/install.sh test   what `make test` needs: Prosody and its modules, ejabberd, Chromium, Node.js, npm, gcc, strace, slixmpp
#
# The system's own XMPP services are neither started nor left enabled: ours are
# private processes, and port 5222 stays free.
set -eu
PATH=$PATH:/usr/sbin:/sbin:/usr/local/go/bin
root=$(cd "$(dirname "$0")/.." && pwd)
what=${1:-run}
packages=

# need COMMAND PACKAGES...
need() {
	command=$1
	shift
	command -v "$command" >/dev/null || packages="$packages $*"
}

has_ejabberd() {
	for beam in /usr/lib/*/ejabberd-*/ebin/ejabberd.beam; do
		[ -e "$beam" ] && return
	done
	return 1
}

# go_version prints the version that builds this module; an older Go fetches it
# itself since 1.21, unless GOTOOLCHAIN=local.
go_version() {
	(cd "$root" && go env GOVERSION 2>/dev/null | sed -n 's/^go//p')
}

# at_least A B: version A is B or later.
at_least() {
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

# check_go ends with advice if there is no Go that will do.
check_go() {
	wanted=$(sed -n 's/^go //p' "$root/go.mod")
	found=$(go_version || true)
	[ -n "$found" ] && at_least "$found" "$wanted" && return
	exec >&2
	if command -v go >/dev/null; then
		echo "frontdesk needs Go $wanted; here is $(GOTOOLCHAIN=local go version), which cannot fetch it."
	else
		echo "frontdesk needs Go $wanted; none is here."
	fi
	echo "Install it from https://go.dev/dl/ into /usr/local/go. Debian's golang-go will do from 1.21 on,"
	echo "if GOTOOLCHAIN is not \"local\" (go env GOTOOLCHAIN): it then fetches $wanted."
	exit 1
}

# apt's golang-go is of use from 1.21 on; Debian 12 has 1.19.
need_go() {
	command -v go >/dev/null && return
	offered=$(apt-cache policy golang-go 2>/dev/null | sed -n 's/^  Candidate: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p')
	if [ -n "$offered" ] && at_least "$offered" 1.21; then
		packages="$packages golang-go"
	fi
}

units='prosody.service ejabberd.service epmd.service epmd.socket'

present_units() {
	for unit in $units; do
		if [ -e "/lib/systemd/system/$unit" ]; then echo "$unit"; fi
	done
}

# install_packages keeps apt from starting services by a policy file, which goes
# again however this ends; one that an interrupted run of ours left is replaced.
install_packages() {
	policy=/usr/sbin/policy-rc.d
	before=$(present_units)
	if [ ! -e $policy ] || grep -q 'frontdesk: temporary' $policy; then
		trap 'rm -f $policy' EXIT
		trap 'exit 1' HUP INT TERM
		printf '#!/bin/sh\n# frontdesk: temporary\nexit 101\n' >$policy
		chmod 755 $policy
	fi
	apt-get update
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages
	command -v systemctl >/dev/null || return 0
	for unit in $(present_units); do
		case " $(echo $before) " in
		*" $unit "*) ;;
		*)
			systemctl disable --quiet "$unit" 2>/dev/null || true
			systemctl stop "$unit" 2>/dev/null || true
			echo "frontdesk: the new $unit is not enabled; systemctl enable --now $unit would"
			;;
		esac
	done
}

case $what in
run)
	need prosody prosody
	;;
test)
	need prosody prosody
	[ -e /usr/lib/prosody/modules/mod_privilege ] || packages="$packages prosody-modules"
	has_ejabberd || packages="$packages ejabberd"
	need erlc erlang-base
	need chromium chromium
	need node nodejs
	need npm npm
	need gcc gcc libc6-dev # for go test -race
	need strace strace # makes a disk slow or broken
	# apt's library is for apt's Python, whatever else is on the PATH.
	/usr/bin/python3 -c 'import slixmpp' 2>/dev/null || packages="$packages python3-slixmpp"
	;;
*)
	echo "usage: $0 run|test" >&2
	exit 2
	;;
esac
need_go

if [ -n "$packages" ]; then
	if ! command -v apt-get >/dev/null; then
		echo "Missing, and this system has no apt-get; by Debian's names:$packages" >&2
		exit 1
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "Missing:$packages. Run as root, or:" >&2
		echo "    sudo apt-get update && sudo apt-get install --no-install-recommends$packages" >&2
		echo "and then free port 5222 of the system's own services:" >&2
		echo "    sudo systemctl disable --now prosody ejabberd" >&2
		exit 1
	fi
	echo "frontdesk: installing by apt:$packages"
	install_packages
fi
check_go
