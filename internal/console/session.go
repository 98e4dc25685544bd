package console

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	secretBytes     = 32
	mostSessions    = 20              // of one account; a further one ends the oldest
	seenResolution  = time.Minute     // how exactly the last use is kept
	pendingLifetime = 5 * time.Minute // between the password and the code
	againLifetime   = 5 * time.Minute // for which a password or code counts for what is asked for again
)

// errEnded: there is no such session, or it has ended.
var errEnded = errors.New("the session has ended")

// session is one login of an account in a browser. Only a hash of its secret is kept.
type session struct {
	Account  string    `json:"account"`
	Revision uint64    `json:"revision"` // of the account: any change of it ends the session
	Begun    time.Time `json:"begun"`
	Seen     time.Time `json:"seen"` // to a minute
	Asked    time.Time `json:"asked"`
	Address  string    `json:"address,omitempty"`
	Browser  string    `json:"browser,omitempty"`
	Pending  bool      `json:"pending,omitempty"` // the password was right, the code is awaited
}

type sessionKey [sha256.Size]byte

func (k sessionKey) id() string { return hex.EncodeToString(k[:8]) }

func keyOf(secret string) sessionKey { return sha256.Sum256([]byte(secret)) }

// formToken returns what the forms of a session carry.
func formToken(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// verifies reports whether a form's token is of the session.
func (s *session) verifies(secret, token string) bool {
	return hmac.Equal([]byte(formToken(secret)), []byte(token))
}

// recently reports whether the password or a code was given within the last minutes.
func (s *session) recently(now time.Time) bool {
	return now.Sub(s.Asked) < againLifetime && !now.Before(s.Asked.Add(-time.Minute))
}

var (
	bucketSessions = []byte("sessions") // hash of the secret -> session
	bucketSteps    = []byte("steps")    // account -> number of the last period whose code was used
)

// sessions keeps sessions in a file of its own.
type sessions struct {
	db            *bolt.DB
	idle, longest time.Duration
}

func openSessions(path string, idle, longest time.Duration) (*sessions, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("open the sessions of the console: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketSessions)
		_, stepsErr := tx.CreateBucketIfNotExists(bucketSteps)
		return errors.Join(err, stepsErr)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the sessions of the console: %w", err), db.Close())
	}
	return &sessions{db: db, idle: idle, longest: longest}, nil
}

func (s *sessions) close() error { return s.db.Close() }

// begin stores a session and returns its secret, for the cookie. replaces, if it is not zero, is the session that it takes the place of.
func (s *sessions) begin(made session, replaces sessionKey) (secret string, err error) {
	var random [secretBytes]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	secret = base64.RawURLEncoding.EncodeToString(random[:])
	key := keyOf(secret)
	err = s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSessions)
		if err := b.Delete(replaces[:]); err != nil {
			return err
		}
		others := sessionsOf(b, made.Account)
		slices.SortFunc(others, func(x, y listed) int { return x.Seen.Compare(y.Seen) })
		for len(others) >= mostSessions {
			if err := b.Delete(others[0].key[:]); err != nil {
				return err
			}
			others = others[1:]
		}
		return put(b, key, made)
	})
	if err != nil {
		return "", fmt.Errorf("begin a session: %w", err)
	}
	return secret, nil
}

func put(b *bolt.Bucket, key sessionKey, s session) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return b.Put(key[:], text)
}

// over reports whether a session has ended by itself.
func (s *sessions) over(one session, now time.Time) bool {
	if one.Pending {
		return now.Sub(one.Begun) >= pendingLifetime
	}
	return now.Sub(one.Seen) >= s.idle || now.Sub(one.Begun) >= s.longest || one.Begun.After(now.Add(time.Hour))
}

// find returns the session of a secret, and notes that it is used.
func (s *sessions) find(secret string, now time.Time) (*session, sessionKey, error) {
	key := keyOf(secret)
	var found *session
	err := s.db.View(func(tx *bolt.Tx) error {
		text := tx.Bucket(bucketSessions).Get(key[:])
		if text == nil {
			return errEnded
		}
		found = new(session)
		return json.Unmarshal(text, found)
	})
	if err != nil {
		return nil, key, err
	}
	if s.over(*found, now) {
		return nil, key, errors.Join(errEnded, s.end(key))
	}
	if now.Sub(found.Seen) >= seenResolution {
		found.Seen = now
		err = s.change(key, func(one *session) { one.Seen = now })
	}
	return found, key, err
}

// change alters a session that is still there.
func (s *sessions) change(key sessionKey, with func(*session)) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSessions)
		text := b.Get(key[:])
		if text == nil {
			return nil
		}
		var one session
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		with(&one)
		return put(b, key, one)
	})
}

// end ends a session.
func (s *sessions) end(key sessionKey) error {
	return s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketSessions).Delete(key[:]) })
}

// endAll ends all sessions of an account.
func (s *sessions) endAll(account string) error {
	return s.endWhere(func(one listed) bool { return one.Account == account })
}

// sweep forgets sessions that have ended by themselves.
func (s *sessions) sweep(now time.Time) error {
	return s.endWhere(func(one listed) bool { return s.over(one.session, now) })
}

func (s *sessions) endWhere(ends func(listed) bool) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSessions)
		for _, one := range sessionsOf(b, "") {
			if ends(one) {
				if err := b.Delete(one.key[:]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// listed is a session in a list.
type listed struct {
	session
	key sessionKey
}

// ID names the session in forms; it is no secret.
func (l listed) ID() string { return l.key.id() }

// list returns the sessions of an account, those used last first.
func (s *sessions) list(account string, now time.Time) (list []listed, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		list = sessionsOf(tx.Bucket(bucketSessions), account)
		return nil
	})
	list = slices.DeleteFunc(list, func(l listed) bool { return s.over(l.session, now) || l.Pending })
	slices.SortFunc(list, func(x, y listed) int { return y.Seen.Compare(x.Seen) })
	return list, err
}

// sessionsOf returns the sessions of an account; "" is all. What cannot be read is left out: it admits no caller.
func sessionsOf(b *bolt.Bucket, account string) (list []listed) {
	c := b.Cursor()
	for k, text := c.First(); k != nil; k, text = c.Next() {
		var one listed
		if json.Unmarshal(text, &one.session) == nil && (account == "" || one.Account == account) && len(k) == len(one.key) {
			copy(one.key[:], k)
			list = append(list, one)
		}
	}
	return list
}

// useStep reports whether a code's period is later than that of the last code that the account used, and remembers it: a code counts
// once.
func (s *sessions) useStep(account string, step int64) (fresh bool, err error) {
	err = s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSteps)
		now := binary.BigEndian.AppendUint64(nil, uint64(step))
		if last := b.Get([]byte(account)); last != nil && bytes.Compare(now, last) <= 0 {
			return nil
		}
		fresh = true
		return b.Put([]byte(account), now)
	})
	return fresh && err == nil, err
}
