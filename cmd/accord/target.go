package main

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/spf13/pflag"

	"github.com/accord-taxii/accord/internal/admin"
)

// target is the data folder or server that a command administers or reads history from.
type target struct {
	data    string
	remote  remote
	profile string
	by      string // who administers, for the record
}

// targetHelp explains the flags of target, for the long help of the commands that have them.
const targetHelp = `The work is done on a data folder (--data DIR, through the server that has it
open, if one has), or by a server far away (--url https://HOST/ with --user and
--password-file or ACCORD_PASSWORD, --token-file, or --cert and --key), or as a
profile of accord login says (--profile NAME). ACCORD_DATA, ACCORD_URL and
ACCORD_PROFILE stand in for the flags; a flag beats them, and they beat what
the profile says. Changes are recorded with who made them: the account that logs
in or, with --data, the user of the operating system and the name after --by.`

func (t *target) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.data, "data", "", "the data folder `DIR`")
	flags.StringVar(&t.remote.url, "url", "", "or the `URL` of a server, or of anything on it")
	flags.StringVar(&t.profile, "profile", "", "or the `NAME` of a profile that accord login wrote")
	flags.StringVar(&t.by, "by", "", "with --data: `NAME` to record beside the system's user")
	t.remote.addCredentials(flags)
}

// resolve fills in values from environment variables and the profile, and refuses incompatible ones.
func (t *target) resolve(e *env) error {
	if t.data != "" && t.remote.url != "" {
		return usageError("--data and --url are both given, expected one of them")
	}
	if t.data == "" && t.remote.url == "" && t.profile == "" {
		t.data, t.remote.url = e.getenv("ACCORD_DATA"), e.getenv("ACCORD_URL")
		if t.data != "" && t.remote.url != "" {
			return usageError("ACCORD_DATA and ACCORD_URL are both set, expected one of them; --data or --url says which")
		}
	}
	if t.data != "" {
		if t.profile != "" {
			return usageError("--data and --profile are both given, expected one of them")
		}
		return nil
	}
	if t.profile = cmp.Or(t.profile, e.getenv("ACCORD_PROFILE")); t.profile != "" {
		if err := t.remote.useProfile(e, t.profile); err != nil {
			return err
		}
	}
	if t.remote.url == "" {
		return withHint(usageError("nothing says where to work"), "give --data DIR, --url URL or --profile NAME")
	}
	return nil
}

// open opens the target. An existing data folder is opened through its server if one runs, otherwise in this process.
func (t *target) open(e *env) (*admin.Client, error) {
	if err := t.resolve(e); err != nil {
		return nil, err
	}
	if t.data == "" {
		if t.by != "" {
			return nil, usageError("--by is for --data: a server that is reached by --url records the account that logs in")
		}
		return t.remote.administration(e)
	}
	if err := checkBy(t.by); err != nil {
		return nil, err
	}
	c, err := admin.OpenExisting(t.data)
	if err != nil {
		return nil, hintFolder(err)
	}
	c.By(t.by)
	return c, nil
}

// checkBy refuses a name after --by that cannot be recorded.
func checkBy(name string) error {
	if name == "" {
		return nil
	}
	if err := admin.CheckBy(name); err != nil {
		return usageError("--by: %w", err)
	}
	return nil
}

// connect opens the target if a server runs on it.
func (t *target) connect(e *env) (*admin.Client, error) {
	if err := t.resolve(e); err != nil {
		return nil, err
	}
	if t.data != "" {
		return admin.Connect(t.data)
	}
	return t.remote.administration(e)
}

// administer opens the target, calls do and closes the target.
func (t *target) administer(e *env, do func(*admin.Client) error) error {
	c, err := t.open(e)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := do(c); err != nil {
		return hintLogin(err)
	}
	return c.Close()
}

// administration makes a client for the administration of a server.
func (r *remote) administration(e *env) (*admin.Client, error) {
	base, err := admin.BaseURL(r.url)
	if err != nil {
		return nil, usageError("--url: %w", err)
	}
	transport, err := r.connect(e)
	if err != nil {
		return nil, err
	}
	return admin.NewClient(base, transport), nil
}

// hintLogin adds advice to a refusal by a server.
func hintLogin(err error) error {
	var answer *admin.AnswerError
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Status {
	case http.StatusUnauthorized:
		return withHint(err, "check --user and the password, or the token")
	case http.StatusForbidden:
		return withHint(err, "accord explain, asked by an operator, says which role an account lacks")
	}
	return err
}
