// Package oauth gets access tokens for programs, by OAuth2 client credentials (RFC 6749, section 4.4). It keeps a token until
// shortly before its end and asks for another when a server refuses it.
//
// It does not read what is in a token: that is the server's. Start reading at Source.Token.
package oauth
