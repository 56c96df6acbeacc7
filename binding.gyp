{
  "variables": { "native": "native" },
  "includes": ["native/core.gypi"],
  "targets": [
    {
      "target_name": "entropyd",
      "sources": ["native/addon/addon.cc", "native/addon/linux.cc", "<@(core_sources)"]
    }
  ]
}
