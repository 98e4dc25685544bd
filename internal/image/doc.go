// Command image writes an OCI image with the program and nothing else, without a container engine: a folder in the image layout, as a
// tar file that docker load, podman load and skopeo read. The same inputs give the same bytes.
//
// Start reading at build.
package main
