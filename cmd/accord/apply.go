package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/store"
)

// atTheMachine is who acts when a command changes a data folder.
var atTheMachine = store.Actor{Account: admin.AtTheMachine}

// filePasswords finds the passwords that an apply file names: in the environment, and in files beside it.
func filePasswords(path string, getenv func(string) string) admin.Passwords {
	return admin.Passwords{
		Getenv: getenv,
		ReadFile: func(name string) ([]byte, error) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			return os.ReadFile(name)
		},
	}
}

// applyTo brings an open store to what a file says.
func applyTo(ctx context.Context, st *store.Store, f *admin.File, passwords admin.Passwords) ([]admin.Line, error) {
	err := f.Resolve(passwords, func(name string) (string, error) {
		account, _ := st.Registry().Account(name)
		return account.PasswordHash, nil
	})
	if err != nil {
		return nil, err
	}
	return admin.Apply(ctx, st, atTheMachine, f)
}

// applyAtStart applies a file before a server listens, and logs what that changed.
func applyAtStart(ctx context.Context, e *env, st *store.Store, path string, log zerolog.Logger) error {
	f, err := admin.ReadFile(path)
	if err != nil {
		return err
	}
	lines, err := applyTo(ctx, st, f, filePasswords(path, e.getenv))
	if err != nil {
		return err
	}
	for _, line := range lines {
		if line.Result != admin.Unchanged {
			log.Info().Str("file", path).Msg(line.String())
		}
	}
	return nil
}
