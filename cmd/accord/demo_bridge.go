package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/demo"
)

// bridge has a member state's server, played by this one, follow what the members receive: it needs the address of the server,
// which is not known before.
func (d *demoRun) bridge(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	file, err := applyfile.Parse("demo", demo.Bridge(url))
	if err != nil {
		return err
	}
	client := d.administration.Client()
	defer client.Close()
	err = file.Resolve(applyfile.Passwords{Getenv: demo.Getenv}, func(name string) (string, error) { return client.PasswordHash(ctx, name) })
	if err != nil {
		return err
	}
	if _, err := client.Apply(ctx, file, applyfile.Consent{Yes: true}); err != nil || !d.fresh {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		m, err := client.VisitMirror(ctx, agreement.Name(demo.NationalName), false)
		if err != nil || m.Status == admin.MirrorActive {
			return err
		}
		if m.Status == admin.MirrorFailing {
			return fmt.Errorf("the mirror of members: %s", m.Reason)
		}
		select { // the server has yet to notice that the agreement has a mirror
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// liveLines writes command lines about what happens, and about other servers.
func (d *demoRun) liveLines(b *strings.Builder, url, dataDir string) {
	data := " --data " + shellWord(dataDir)
	try := func(what, line string) { fmt.Fprintf(b, "\n# %s\naccord %s%s\n", what, line, data) }
	try("a member state's server, played by this one, mirrors members: how far it is", "mirror list")
	try("what its server signed, and that its history only grew", "audit verify --peer --agreement "+demo.NationalName)
	try("what it pushes on to another member state", "outbox list")
	fmt.Fprintf(b, "\n# in another terminal: what happens under an agreement, as it happens; add an object with the curl line below\n"+
		"ACCORD_PASSWORD=demo-agency-pw accord watch --agreement industry --url %s --user agency\n", url)
}
