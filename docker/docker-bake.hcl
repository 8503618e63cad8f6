// The image for every processor: docker buildx bake -f docker/docker-bake.hcl
//
// Each is built on an emulated machine of its kind: the builder needs binfmt_misc, as Docker Desktop
// has it, or the package qemu-user-static. A release sets VERSION, REVISION and IMAGE in its
// environment, and adds --push.

variable "VERSION" {
  default = "0.1.0"
}

variable "REVISION" {
  default = ""
}

variable "IMAGE" {
  default = "zinit"
}

group "default" {
  targets = ["image", "riscv64"]
}

target "common" {
  context    = "."
  dockerfile = "docker/Dockerfile"
  args = {
    VERSION  = VERSION
    REVISION = REVISION
  }
}

target "image" {
  inherits = ["common"]
  tags     = ["${IMAGE}:${VERSION}", "${IMAGE}:latest"]
  platforms = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
  ]
}

// bookworm is not there for riscv64.
target "riscv64" {
  inherits = ["common"]
  args = {
    BASE = "debian:trixie-slim"
  }
  tags      = ["${IMAGE}:${VERSION}-riscv64"]
  platforms = ["linux/riscv64"]
}

// The same with Alpine's compiler and libraries.
target "alpine" {
  inherits = ["common"]
  args = {
    BASE = "alpine:3.22"
  }
  tags      = ["${IMAGE}:${VERSION}-alpine"]
  platforms = ["linux/amd64", "linux/arm64"]
}

// The tests, for this machine's processor.
target "test" {
  inherits = ["common"]
  target   = "test"
  output   = ["type=cacheonly"]
}
