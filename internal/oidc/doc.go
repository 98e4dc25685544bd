// Package oidc finds the accounts that other issuers vouch for: by access tokens of programs (RFC 9068), and by logins of people at
// the console (OpenID Connect).
//
// An issuer is trusted if an account names it, and says who a caller is: never what the caller may do, and no account is made from
// what it says. Its keys come from its openid-configuration. The package opens no session and stores nothing.
//
// Start reading at Verifier.Account and Login.
package oidc
