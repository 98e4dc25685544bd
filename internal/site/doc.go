// Command site makes the documentation as web pages of the same files that are read in the repository: no file of its own, no script,
// nothing from elsewhere. It refuses links that lead nowhere.
//
// Start reading at build.
package main
