package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// witnessRoutes are the paths of the witnesses that the server asks to cosign its own journal. The server sends requests to their
// addresses, so only callers at the machine may name one.
var witnessRoutes = []route{
	{
		method: http.MethodGet, path: "witnesses/", reach: operators, do: (*Service).serveWitnesses,
		summary: "List the witnesses", note: "Those that the server asks to cosign the heads of its own journal.",
		answer: WitnessList{},
	},
	{method: http.MethodPost, path: "witnesses/", reach: local, do: (*Service).addWitness, answer: WitnessList{}},
	{method: http.MethodPost, path: "witnesses/remove/", reach: local, do: (*Service).removeWitness, answer: WitnessList{}},
}

// WitnessList lists witnesses.
type WitnessList struct {
	Witnesses []store.Witness `json:"witnesses"`
}

func (s *Service) serveWitnesses(call) (any, error) { return s.witnesses(), nil }

func (s *Service) witnesses() WitnessList {
	return WitnessList{append([]store.Witness{}, s.store.Registry().Witnesses...)}
}

func (s *Service) addWitness(c call) (any, error) {
	var w store.Witness
	if err := readJSON(c.Request, &w); err != nil {
		return nil, err
	}
	key, err := journal.ParseWitness(w.Key)
	if err == nil {
		err = checkWitnessURL(w.URL)
	}
	if err != nil {
		return nil, &badRequest{err}
	}
	return s.changeWitnesses(c, "add witness", func(list []store.Witness) ([]store.Witness, error) {
		list = slices.DeleteFunc(list, func(known store.Witness) bool { return witnessName(known.Key) == key.Name })
		return append(list, w), nil
	})
}

func (s *Service) removeWitness(c call) (any, error) {
	var body struct {
		Name string `json:"name"`
	}
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	return s.changeWitnesses(c, "remove witness", func(list []store.Witness) ([]store.Witness, error) {
		left := slices.DeleteFunc(slices.Clone(list), func(w store.Witness) bool { return witnessName(w.Key) == body.Name })
		if len(left) == len(list) {
			return nil, notFound("unknown witness %q", body.Name)
		}
		return left, nil
	})
}

func (s *Service) changeWitnesses(c call, act string, change func([]store.Witness) ([]store.Witness, error)) (any, error) {
	var list []store.Witness
	err := s.planned(func(revision uint64) (err error) {
		if list, err = change(s.witnesses().Witnesses); err != nil {
			return err
		}
		slices.SortFunc(list, func(a, b store.Witness) int { return strings.Compare(a.Key, b.Key) })
		return s.store.ChangeOn(c.Context(), c.by, revision, []store.RegistryChange{{Witnesses: &list, Act: act}})
	})
	if err != nil {
		return nil, err
	}
	return WitnessList{list}, nil
}

func witnessName(key string) string {
	name, _, _ := strings.Cut(key, "+")
	return name
}

// checkWitnessURL refuses addresses that are not https, unless they are on this machine.
func checkWitnessURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not the address of a witness, expected https://HOST/PREFIX", text)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && !(u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())) {
		return fmt.Errorf("the address %s of a witness must be https, or http on this machine", text)
	}
	return nil
}

// Witnesses lists the witnesses of the server.
func (c *Client) Witnesses(ctx context.Context) (list WitnessList, err error) {
	return list, c.do(ctx, http.MethodGet, "witnesses/", nil, &list)
}

// AddWitness has the server ask a witness, instead of one of the same name if it has one.
func (c *Client) AddWitness(ctx context.Context, key, url string) (list WitnessList, err error) {
	return list, c.do(ctx, http.MethodPost, "witnesses/", store.Witness{Key: key, URL: url}, &list)
}

// RemoveWitness ends that.
func (c *Client) RemoveWitness(ctx context.Context, name string) (list WitnessList, err error) {
	return list, c.do(ctx, http.MethodPost, "witnesses/remove/", map[string]string{"name": name}, &list)
}
