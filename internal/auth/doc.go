// Package auth answers one question: who is calling? It checks passwords,
// tokens and client certificates and gives back the account they belong to.
//
// It refuses to say what an account may do (that is package agreement), to
// keep accounts (the store does, behind Directory), and to tell a caller
// whether a name exists: an unknown account, a disabled one and a wrong
// password look the same and cost the same.
//
// Start reading at Authenticator.Authenticate.
package auth
