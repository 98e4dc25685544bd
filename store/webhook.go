package store

import (
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
)

// Webhook is a receiver that is told when an agreement has changed. How far it has come is in the agreement's file.
type Webhook struct {
	ID        string                `json:"id"`
	Agreement agreement.Name        `json:"agreement"`
	URL       string                `json:"url"`
	HMAC      bool                  `json:"hmac,omitempty"` // signed with HMAC-SHA256, else with Ed25519
	Secret    []byte                `json:"secret"`         // the key of the HMAC, or the seed of the private key
	Account   agreement.AccountName `json:"account"`        // that made it
	Party     agreement.PartyName   `json:"party,omitempty"`
	Local     bool                  `json:"local,omitempty"` // it was made at the machine, where the rights to the data folder are the login
	Created   time.Time             `json:"created"`
}

// Webhook finds a webhook.
func (r *Registry) Webhook(id string) (Webhook, bool) {
	i := slices.IndexFunc(r.Webhooks, func(w Webhook) bool { return w.ID == id })
	if i < 0 {
		return Webhook{}, false
	}
	return r.Webhooks[i], true
}
