package serve

import (
	"context"

	"github.com/accord-taxii/accord/internal/index"
)

// openIndex opens the search index and has it follow the journals. A server that cannot open it serves without: it is not
// needed for anything else.
func (s *srv) openIndex(context.Context) (stop, error) {
	if s.config.NoIndex {
		return nil, nil
	}
	opened, err := index.Open(s.store, index.Options{Now: s.config.Now, Failed: func(err error) {
		s.config.Log.Error().Err(err).Msg("search index")
	}})
	if err != nil {
		s.config.Log.Error().Err(err).Msg("there is no search index: searches are answered with 503")
		return nil, nil
	}
	s.index = opened
	follow := s.background(func(ctx context.Context) { opened.Run(ctx) })
	return func(ctx context.Context) error {
		err := follow(ctx)
		if closed := opened.Close(); closed != nil {
			s.config.Log.Error().Err(closed).Msg("the search index could not be closed; it is read again at the next start")
		}
		return err
	}, nil
}
