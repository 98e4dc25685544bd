package cluster

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
)

// rotation is a rotation of the signing key as the log has it: the note of succession can be read by all, the new key only with the
// cluster's secret.
type rotation struct {
	Note   []byte    `json:"note"`
	Until  time.Time `json:"until"`
	Sealed []byte    `json:"sealed"` // AES-256-GCM with a random nonce before it; the note is authenticated with it
}

// keySealing derives, from the cluster's secret, the key under which signing keys are sealed.
func keySealing(id *Identity) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, id.Secret, id.Cluster[:], "accord cluster: signing keys in the log", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func sealRotation(id *Identity, planned store.KeySuccession) (*rotation, error) {
	seal, err := keySealing(id)
	if err != nil {
		return nil, err
	}
	return &rotation{planned.Note, planned.Until, seal.Seal(nil, nil, []byte(planned.Key), planned.Note)}, nil
}

// open returns the rotation with its key.
func (r *rotation) open(id *Identity) (store.KeySuccession, error) {
	seal, err := keySealing(id)
	if err != nil {
		return store.KeySuccession{}, err
	}
	key, err := seal.Open(nil, nil, r.Sealed, r.Note)
	if err != nil {
		return store.KeySuccession{}, fmt.Errorf("%w: the new signing key cannot be opened with the cluster's secret", store.ErrMessage)
	}
	return store.KeySuccession{Note: r.Note, Key: string(key), Until: r.Until}, nil
}

// make has the machine make the rotation.
func (r *rotation) make(id *Identity, machine Machine) error {
	planned, err := r.open(id)
	if err != nil {
		return err
	}
	return machine.Succeed(planned)
}

// RotateKey has all nodes make a rotation of the signing key, at one place of the log, and returns when this one has: see
// store.Options.Succeed.
func (n *Node) RotateKey(ctx context.Context, planned store.KeySuccession) error {
	if err := n.Writable(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrNotProposed, err)
	}
	r, err := sealRotation(n.identity, planned)
	if err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	id := uuid.New()
	data := append(append([]byte{kindKeys}, id[:]...), text...)
	if err = n.proposeEntry(ctx, id, data); err != nil {
		return err
	}
	place, err := n.Committed(ctx)
	if err != nil { // which says that nothing was changed
		return fmt.Errorf("%w (%v)", ErrUnknown, err)
	}
	return n.WaitApplied(ctx, place)
}
