package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

func (p program) printVersion(args []string) error {
	if err := p.parse(p.flags("version", "frontdesk version\n\nPrints the version and what it was built with."), args, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.stdout, "frontdesk %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion is what the linker was told, or the commit that was built, or "unknown".
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return "unknown"
	}
	if settings["vcs.modified"] == "true" {
		revision += " (modified)"
	}
	return revision
}
