package validate

// bundleRules lists the rules on bundles (section 8).
var bundleRules = []Rule{
	seen("S-195", must, layerSchema, "8.1", "The objects of a bundle, if any, are a list; an empty one, or another type or id than bundle and bundle--UUID: a warning."),
	seen("S-196", must, layerSemantic, "8.1", "The objects of a bundle are STIX objects, so no bundle is inside another."),
	{ID: "S-198", Level: recommends, Severity: Warning, Layer: layerSemantic, Section: "8",
		Summary: "A bundle has no other properties than type, id and objects; spec_version was one in STIX 2.0."},
}
