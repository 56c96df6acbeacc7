{
  "variables": { "native": "native" },
  "includes": ["native/core.gypi"],
  "targets": [
    {
      "target_name": "entropyd",
      "sources": ["<@(addon_sources)", "<@(core_sources)"]
    }
  ]
}
