// Package console serves the web console below /console/: pages for the analysts, sharing officers, auditors and operators of
// an exchange.
//
// A page is made of answers of the admin package, asked for with the rights of the account that is logged in (see
// admin.Service.Ask): the console has no rules of its own about agreements, and what it shows of an object's text is a
// delivery like any other. What is its own is logging in: sessions, their cookie, the second factor, and what keeps other
// sites' pages from acting with a session. It accepts neither Basic credentials nor client certificates nor tokens, which
// browsers or programs send unasked.
//
// Pages are HTML that works without script; script adds charts, graphs, copying and keys. Everything that others wrote is
// text: text.go is the only file that makes HTML of it, and nothing is fetched from elsewhere.
//
// Start reading at console.go, which a request goes through from top to bottom; routes.go lists the screens.
package console
