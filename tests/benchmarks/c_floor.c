/* The least that storing a JPEG can cost in C: hash it, decode it in the smallest scale that serves, average it to a
   medium picture and a thumbnail in the colors that it is stored in, encode both, write three files, look up a key and
   insert a row.

   Reads lines "<path of a JPEG> <uploads>", and answers each with the CPU milliseconds per upload.
   cc -O3 -march=native c_floor.c -o c_floor -lturbojpeg -lcrypto -lsqlite3 -lm */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <turbojpeg.h>
#include <unistd.h>

enum { MEDIUM_WIDTH = 500, THUMB_SIDE = 320, QUALITY = 90, PLANES = 3 };
static const double OVERSAMPLING = 1.5; /* as the other floor */

typedef struct {
  unsigned char *pixels;
  int width, height;
} Plane;

typedef struct {
  Plane planes[PLANES];
  int width, height, sampling;
} Picture;

typedef struct {
  unsigned char *bytes;
  unsigned long size;
} File;

static void check(int is_good, const char *what) {
  if (!is_good) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
  }
}

static double cpu_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static Picture new_picture(int width, int height, int sampling) {
  Picture made = {.width = width, .height = height, .sampling = sampling};
  for (int i = 0; i < PLANES; i++) {
    Plane *plane = &made.planes[i];
    plane->width = tjPlaneWidth(i, width, sampling);
    plane->height = tjPlaneHeight(i, height, sampling);
    plane->pixels = malloc((size_t)plane->width * plane->height);
  }
  return made;
}

static void free_picture(Picture *picture) {
  for (int i = 0; i < PLANES; i++) free(picture->planes[i].pixels);
}

/* The columns that one pixel is averaged from, and how much of the first and of the last one is outside. */
typedef struct {
  int first, end;
  float before, behind, width;
} Span;

/* Average the part of `from` that begins at (left, top) and has this size into all of `to`. */
static void average(const Plane *from, double left, double top, double width, double height, Plane *to) {
  double step_x = width / to->width, step_y = height / to->height;
  float *sums = malloc(sizeof(float) * from->width);
  Span *spans = malloc(sizeof(Span) * to->width);
  for (int x = 0; x < to->width; x++) {
    float begin = (float)(left + x * step_x), end = fminf(begin + (float)step_x, (float)from->width);
    int first = (int)begin, last = (int)ceilf(end);
    spans[x] = (Span){first, last, begin - (float)first, (float)last - end, end - begin};
  }
  for (int y = 0; y < to->height; y++) {
    double begin = top + y * step_y, end = fmin(begin + step_y, from->height), rows = 0;
    memset(sums, 0, sizeof(float) * from->width);
    for (int row = (int)begin; row < end; row++) {
      float weight = (float)(fmin(row + 1, end) - fmax(row, begin));
      const unsigned char *line = from->pixels + (size_t)row * from->width;
      for (int x = 0; x < from->width; x++) sums[x] += weight * line[x];
      rows += weight;
    }
    unsigned char *out = to->pixels + (size_t)y * to->width;
    for (int x = 0; x < to->width; x++) {
      float sum = 0;
      for (int column = spans[x].first; column < spans[x].end; column++) sum += sums[column];
      sum -= spans[x].before * sums[spans[x].first] + spans[x].behind * sums[spans[x].end - 1];
      float value = sum / (spans[x].width * (float)rows) + 0.5f;
      out[x] = value > 255 ? 255 : (unsigned char)value;
    }
  }
  free(spans);
  free(sums);
}

static Picture decoded(tjhandle decoder, const File *file, int *width, int *height) {
  int sampling, colors, eighths = 8;
  check(!tjDecompressHeader3(decoder, file->bytes, file->size, width, height, &sampling, &colors), "reading a header");
  for (int n = 8; n >= 1 && (*width * n + 7) / 8 >= MEDIUM_WIDTH * OVERSAMPLING; n--) eighths = n;
  tjscalingfactor scale = {eighths, 8};
  Picture picture = new_picture(TJSCALED(*width, scale), TJSCALED(*height, scale), sampling);
  unsigned char *planes[PLANES];
  int strides[PLANES];
  for (int i = 0; i < PLANES; i++) {
    planes[i] = picture.planes[i].pixels;
    strides[i] = picture.planes[i].width;
  }
  check(!tjDecompressToYUVPlanes(decoder, file->bytes, file->size, planes, picture.width, strides, picture.height, 0),
        "decoding");
  return picture;
}

/* The part of a picture that begins at (left, top), in another size. */
static Picture resized(const Picture *from, double left, double top, double width, double height, int to_width,
                       int to_height) {
  Picture made = new_picture(to_width, to_height, from->sampling);
  for (int i = 0; i < PLANES; i++) {
    double x = (double)from->planes[i].width / from->width, y = (double)from->planes[i].height / from->height;
    average(&from->planes[i], left * x, top * y, width * x, height * y, &made.planes[i]);
  }
  return made;
}

static File encoded(tjhandle encoder, const Picture *picture) {
  const unsigned char *planes[PLANES];
  int strides[PLANES];
  File file = {NULL, 0};
  for (int i = 0; i < PLANES; i++) {
    planes[i] = picture->planes[i].pixels;
    strides[i] = picture->planes[i].width;
  }
  check(!tjCompressFromYUVPlanes(encoder, planes, picture->width, strides, picture->height, picture->sampling,
                                 &file.bytes, &file.size, QUALITY, 0),
        "encoding");
  return file;
}

static void write_file(const char *folder, long number, const char *kind, const File *file) {
  char spool[600], path[600];
  snprintf(spool, sizeof spool, "%s/spool%ld%s", folder, number, kind);
  snprintf(path, sizeof path, "%s/%ld%s.jpg", folder, number, kind);
  int descriptor = open(spool, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  check(descriptor >= 0, "creating a file");
  for (unsigned long done = 0; done < file->size;) {
    ssize_t count = write(descriptor, file->bytes + done, file->size - done);
    check(count > 0, "writing");
    done += (unsigned long)count;
  }
  close(descriptor);
  check(!rename(spool, path), "renaming");
}

static sqlite3_stmt *prepared(sqlite3 *database, const char *sql) {
  sqlite3_stmt *statement;
  check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK, sql);
  return statement;
}

static File whole(const char *path) {
  FILE *stream = fopen(path, "rb");
  check(stream != NULL, path);
  fseek(stream, 0, SEEK_END);
  File file = {NULL, (unsigned long)ftell(stream)};
  rewind(stream);
  file.bytes = malloc(file.size);
  check(fread(file.bytes, 1, file.size, stream) == file.size, "reading");
  fclose(stream);
  return file;
}

int main(int count, char **arguments) {
  check(count == 2, "naming a folder");
  const char *folder = arguments[1];
  char path[600], line[700];
  sqlite3 *database;
  snprintf(path, sizeof path, "%s/c_floor.sqlite3", folder);
  check(sqlite3_open(path, &database) == SQLITE_OK, "opening a database");
  sqlite3_exec(database,
               "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
               "CREATE TABLE uploads (id INTEGER PRIMARY KEY, stem TEXT UNIQUE, md5 TEXT, width INT, height INT, size INT,"
               " extension TEXT, created_at TEXT, title TEXT, address TEXT, exif TEXT);"
               "CREATE INDEX by_md5 ON uploads (md5);"
               "CREATE TABLE keys (key TEXT PRIMARY KEY, owner INT); INSERT INTO keys VALUES ('bench', 1)",
               NULL, NULL, NULL);
  sqlite3_stmt *key = prepared(database, "SELECT owner FROM keys WHERE key = 'bench'");
  sqlite3_stmt *insert = prepared(database,
                                  "INSERT INTO uploads (stem, md5, width, height, size, extension, created_at, title,"
                                  " address, exif) VALUES (?, ?, ?, ?, ?, 'jpg', datetime(), 'title', '127.0.0.1', '{}')");
  tjhandle decoder = tjInitDecompress(), encoder = tjInitCompress();
  long number = 0;
  while (fgets(line, sizeof line, stdin)) {
    char *space = strrchr(line, ' ');
    check(space != NULL, "reading a line");
    *space = 0;
    long uploads = atol(space + 1);
    File file = whole(line);
    double begun = cpu_ms();
    for (long i = 0; i < uploads; i++, number++) {
      unsigned char digest[EVP_MAX_MD_SIZE];
      unsigned length;
      char md5[33], stem[32];
      EVP_Digest(file.bytes, file.size, digest, &length, EVP_md5(), NULL);
      for (int k = 0; k < 16; k++) sprintf(md5 + 2 * k, "%02x", digest[k]);
      int width, height;
      Picture source = decoded(decoder, &file, &width, &height);
      int medium_height = (int)lround((double)height * MEDIUM_WIDTH / width);
      Picture medium = resized(&source, 0, 0, source.width, source.height, MEDIUM_WIDTH, medium_height);
      double side = medium.width < medium.height ? medium.width : medium.height;
      Picture thumb = resized(&medium, (medium.width - side) / 2, (medium.height - side) / 2, side, side, THUMB_SIDE,
                              THUMB_SIDE);
      File medium_file = encoded(encoder, &medium), thumb_file = encoded(encoder, &thumb);
      write_file(folder, number, "", &file);
      write_file(folder, number, ".md", &medium_file);
      write_file(folder, number, ".th", &thumb_file);
      check(sqlite3_step(key) == SQLITE_ROW, "looking up a key");
      sqlite3_reset(key);
      snprintf(stem, sizeof stem, "%ld", number);
      sqlite3_bind_text(insert, 1, stem, -1, SQLITE_TRANSIENT);
      sqlite3_bind_text(insert, 2, md5, 32, SQLITE_TRANSIENT);
      sqlite3_bind_int(insert, 3, width);
      sqlite3_bind_int(insert, 4, height);
      sqlite3_bind_int64(insert, 5, (sqlite3_int64)file.size);
      check(sqlite3_step(insert) == SQLITE_DONE, "inserting");
      sqlite3_reset(insert);
      free_picture(&source), free_picture(&medium), free_picture(&thumb);
      tjFree(medium_file.bytes), tjFree(thumb_file.bytes);
    }
    printf("%.3f\n", (cpu_ms() - begun) / (double)uploads);
    fflush(stdout);
    free(file.bytes);
  }
  return 0;
}
