// Command soci-convert converts what an OCI image layout has first, as `soci convert --standalone` does, and tags it
// `converted` there. It calls the library of that command: the command itself is a module of its own, which needs a clone
// of its repository.
//
//	soci-convert LAYOUT
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/awslabs/soci-snapshotter/soci"
	"github.com/awslabs/soci-snapshotter/soci/store"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/plugins/content/local"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "soci-convert: expected the folder of a layout")
		os.Exit(2)
	}
	if err := convert(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "soci-convert:", err)
		os.Exit(1)
	}
}

func convert(ctx context.Context, layout string) error {
	target, err := first(layout)
	if err != nil {
		return err
	}
	// Both read and write the blobs of the layout.
	contents, err := local.NewStore(layout)
	if err != nil {
		return err
	}
	blobs, err := store.NewSociStore(layout)
	if err != nil {
		return err
	}
	database, err := soci.NewDB(filepath.Join(layout, "artifacts.db"))
	if err != nil {
		return err
	}
	// The layers of tests are smaller than those that are worth an index.
	builder, err := soci.NewIndexBuilder(contents, blobs, soci.WithArtifactsDb(database), soci.WithMinLayerSize(0))
	if err != nil {
		return err
	}
	platforms, err := images.Platforms(ctx, contents, target)
	if err != nil {
		return err
	}
	converted, err := builder.Convert(ctx, images.Image{Name: "image", Target: target},
		soci.ConvertWithPlatforms(platforms...), soci.ConvertWithNoGarbageCollectionLabels())
	if err != nil {
		return err
	}
	return blobs.Tag(ctx, *converted, "converted")
}

// first is the descriptor that index.json has first.
func first(layout string) (ocispec.Descriptor, error) {
	content, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var index ocispec.Index
	if err := json.Unmarshal(content, &index); err != nil {
		return ocispec.Descriptor{}, err
	}
	if len(index.Manifests) == 0 {
		return ocispec.Descriptor{}, fmt.Errorf("%s is empty", layout)
	}
	return index.Manifests[0], nil
}
