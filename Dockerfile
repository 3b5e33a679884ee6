# The image has the static binary, the authorities for TLS, and nothing else: no
# shell, no package manager. /data holds the configuration and the file that
# keeps everything.
#
#   docker build -t frontdesk .
#   docker run --rm -it -v frontdesk:/data frontdesk init --out /data/frontdesk.toml
#   docker run -d --name frontdesk --network host -v frontdesk:/data frontdesk

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=""
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/frontdesk . \
	&& mkdir -m 0700 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/frontdesk /frontdesk
# A new volume takes the owner of the folder that it covers.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Beside a running frontdesk, check asks it how its links are.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s CMD ["/frontdesk", "check", "--config", "/data/frontdesk.toml"]
ENTRYPOINT ["/frontdesk"]
CMD ["run", "--config", "/data/frontdesk.toml"]
