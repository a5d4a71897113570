// Pulumi's kubernetes provider. Its module has everything but the two files that its own main package embeds,
// which a release generates; this main package embeds the schema that the sandbox's build lays beside it.
package main

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" { // as Pulumi's other providers answer
		fmt.Println(version.Version)
		return
	}
	provider.Serve("kubernetes", version.Version, schema, []byte("{}"))
}
