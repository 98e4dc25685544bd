package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/taxii"
)

// demoPatience is how long the demo waits for its own releases.
const demoPatience = 10 * time.Second

// live has the exchange of a new folder begin to live: the partner asks once and then no more, the vendor takes back what was
// released, the member keeps up and says what it saw, and from then on the release waits for a yes. All of it goes over TAXII, so
// that histories and deliveries are real.
func (d *demoRun) live(ctx context.Context, url string) error {
	if !d.fresh {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	members := url + "/allies/collections/" + demo.MembersID + "/objects/"
	released := members + demo.WithdrawnID + "/"
	holds := func(answer string) bool { return strings.Contains(answer, `"pattern"`) } // an error names the object, too
	if err := d.await(ctx, "member", released, holds); err != nil {
		return fmt.Errorf("wait for a release: %w", err)
	}
	if _, err := d.ask(ctx, "partner", http.MethodGet, members+"?limit=40"); err != nil {
		return err
	}
	if _, err := d.ask(ctx, "vendor", http.MethodDelete, url+"/nicp/collections/"+demo.IndustryID+"/objects/"+demo.WithdrawnID+"/"); err != nil {
		return err
	}
	if err := d.await(ctx, "member", released, func(answer string) bool { return !holds(answer) }); err != nil {
		return fmt.Errorf("wait for a withdrawal: %w", err)
	}
	if _, err := d.ask(ctx, "member", http.MethodGet, members+"?limit=5000"); err != nil {
		return err
	}
	if err := d.post(ctx, "member", members, demo.Sighting(d.supply.Released)); err != nil {
		return err
	}
	industry := url + "/nicp/collections/" + demo.IndustryID + "/objects/"
	if err := d.post(ctx, "vendor", industry, []byte(demoRefused)); err != nil {
		return err
	}
	if err := d.apply(ctx, true); err != nil {
		return err
	}
	return d.post(ctx, "vendor", industry, demo.Later()...)
}

// await asks until the answer is good.
func (d *demoRun) await(ctx context.Context, account, url string, good func(string) bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := d.ask(ctx, account, http.MethodGet, url)
		if err != nil {
			return err
		}
		if good(answer) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// demoRefused is what the vendor posts and is refused: its pattern was cut off.
const demoRefused = `{"type":"indicator","spec_version":"2.1","id":"indicator--6d1f0b3c-8e52-4c7a-a1f9-2b4d6e8f0a13","created":"2025-07-01T10:00:00.000Z",` +
	`"modified":"2025-07-01T10:00:00.000Z","name":"A pattern that was cut off","pattern":"[domain-name:value = 'mail.","pattern_type":"stix","valid_from":"2025-07-01T10:00:00Z"}`

// post adds objects as an account of the demo.
func (d *demoRun) post(ctx context.Context, account, url string, objects ...[]byte) error {
	_, err := d.send(ctx, account, http.MethodPost, url, `{"objects":[`+string(bytes.Join(objects, []byte(",")))+`]}`)
	return err
}

// ask sends one request of TAXII without a body as an account of the demo.
func (d *demoRun) ask(ctx context.Context, account, method, url string) (string, error) {
	return d.send(ctx, account, method, url, "")
}

func (d *demoRun) send(ctx context.Context, account, method, url, text string) (string, error) {
	var body io.Reader
	if text != "" {
		body = strings.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return "", err
	}
	for _, l := range demo.Logins() {
		if l.Account == account {
			req.SetBasicAuth(l.Account, l.Password)
		}
	}
	req.Header.Set("Accept", taxii.MediaType)
	req.Header.Set("Content-Type", taxii.MediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if resp.StatusCode >= 400 && resp.StatusCode != http.StatusNotFound {
		err = errors.Join(err, fmt.Errorf("%s %s: %s", method, url, resp.Status))
	}
	return string(answer), err
}
