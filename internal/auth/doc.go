// Package auth identifies callers. It checks passwords, tokens and client certificates and returns the account they
// belong to.
//
// It does not decide what an account may do (package agreement does), does not store accounts (the store does, behind
// Directory), and does not reveal to callers whether a name exists: an unknown account, a disabled one and a wrong
// password look the same and cost the same.
//
// Start reading at Authenticator.Authenticate.
package auth
