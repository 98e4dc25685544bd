package webhook_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/webhook"
	"github.com/accord-taxii/accord/store"
)

// The example message of the reference library of Standard Webhooks, with the keys that its tests use.
func TestSignaturesOfTheReferenceLibrary(t *testing.T) {
	const id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	at := time.Unix(1614265330, 0)
	secret := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, row := range map[string]struct {
		webhook        store.Webhook
		key, signature string
	}{
		"HMAC": {store.Webhook{HMAC: true, Secret: secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
			"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		"Ed25519": {store.Webhook{Secret: secret("6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")[:32]},
			"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="},
	} {
		t.Run(name, func(t *testing.T) {
			if got := webhook.VerifyKey(row.webhook); got != row.key {
				t.Errorf("got the key %s, want %s", got, row.key)
			}
			got, err := webhook.Signature(row.webhook, id, at, []byte(body))
			if err != nil || got != row.signature {
				t.Errorf("got the signature %s %v, want %s", got, err, row.signature)
			}
		})
	}
}
