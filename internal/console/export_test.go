package console

// Address is a route, for tests.
type Address struct {
	Method, Path  string
	Strangers, Op bool
}

// Addresses are all routes.
func Addresses() (list []Address) {
	for _, r := range routes {
		list = append(list, Address{r.method, Prefix + r.path, r.reach == strangers, r.reach == operators})
	}
	return list
}
