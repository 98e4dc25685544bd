package server

import (
	"cmp"

	"github.com/accord-taxii/accord/store"
)

// pageRules are what an account's pages look like. Its account decides, else its API root, else the server.
type pageRules struct {
	size, most int  // items of a page without limit, and whatever limit says
	emptyList  bool // a page without items has an empty list
}

// pagesOf returns the rules for a request in an API root.
func (s *Server) pagesOf(x *request, root store.Root) pageRules {
	most := cmp.Or(x.pages.most, root.MaxPageObjects, s.limits.PageMax)
	return pageRules{
		size:      min(cmp.Or(x.pages.size, root.DefaultPage, s.limits.PageDefault), most),
		most:      most,
		emptyList: x.pages.emptyList,
	}
}

// empty is a page without items. The Standard forbids empty lists (T-034, T-059), so it is {}, except for an account that
// says empty: list, whose client fails on a page without its list.
func (p pageRules) empty(items string) string {
	if p.emptyList {
		return `{"more":false,"` + items + `":[]}`
	}
	return "{}"
}
