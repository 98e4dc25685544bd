// Package packaging holds no code: what deb and rpm packages are made of. Its test installs, upgrades and removes one in a folder of
// its own.
//
// Start reading at nfpm.yaml and doc/packages.md.
package packaging
