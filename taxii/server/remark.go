package server

import (
	"strings"
	"sync"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii"
)

// remarks records what was logged today, so that the same remark is logged once a day for an account.
type remarks struct{ days sync.Map } // remarkKey -> the day, as the number since 1970

type remarkKey struct {
	account agreement.AccountName
	what    string
}

// remark counts and logs what is served although its sender may mean something else: parameters without a meaning, which
// users take for filters (TAXII 2.1, section 3.4, lets servers ignore them), and cursors of other collections.
func (s *Server) remark(x *request, f *taxii.Filter) {
	if x.unknown = f.Unknown; len(x.unknown) > 0 && s.remarks.first(s, x.caller.Account, "parameters") {
		s.log.Warn().Str("request", x.id).Str("account", string(x.caller.Account)).Str("route", x.route).
			Str("parameters", strings.Join(x.unknown, " ")).Msg("query parameters without a meaning were ignored; the answer is not filtered by them")
	}
	if f.Foreign && s.remarks.first(s, x.caller.Account, "cursor") {
		s.log.Warn().Str("request", x.id).Str("account", string(x.caller.Account)).Str("route", x.route).
			Msg("a cursor of another collection was passed over; the collection was served from its start")
	}
}

// first reports whether nothing was logged today of this kind about an account.
func (m *remarks) first(s *Server, account agreement.AccountName, what string) bool {
	today := s.now().Unix() / (24 * 60 * 60)
	before, known := m.days.Swap(remarkKey{account, what}, today)
	return !known || before.(int64) != today
}
