# Commands of the package; `make help` lists them. Everything runs in .venv, which is made on first use;
# the converter to TFLite has .venv-tflite of its own, since TensorFlow and MindSpore do not fit into one.
SHELL := /bin/bash
PYTHON3 ?= python3
VENV := .venv
PY := $(VENV)/bin/python
DEMO_DIR ?= output/demo
TFLITE := .venv-tflite
TRAIN_URL ?= Model
CALIBRATION ?=

# `make download make3d1 nyu`: what stands beside these verbs names data sets (`make datasets` lists them).
DATA_VERBS := download preprocess convert
DATA_SETS := nyu make3d1 make3d2 all
DATA_DIR ?= data
WIDTH ?=
HEIGHT ?=
DWIDTH ?=
DHEIGHT ?=
START ?= 0
LIMIT ?=
FORCE ?=
SUPERPIXELS ?=

.PHONY: help demo tflite test test-slow bench lint clean install datasets $(DATA_VERBS) $(DATA_SETS)
.NOTPARALLEL:  # preprocess comes before convert under -j, too

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.runtime  ## synthetic rooms: train, evaluate, export, C++ inference, report (under 10 minutes)
	$(PY) scripts/demo.py --output_dir $(DEMO_DIR)

install: $(VENV)/.runtime  ## install the requirements into .venv

datasets: $(VENV)/.runtime  ## list the data sets that the next three know
	@$(PY) scripts/datasets.py list

download: $(VENV)/.runtime  ## DATASET...: fetch data sets into DATA_DIR (data)
preprocess: $(VENV)/.runtime  ## DATASET...: one size; WIDTH HEIGHT DWIDTH DHEIGHT START LIMIT FORCE=1
convert: $(VENV)/.runtime  ## DATASET...: to MindRecord; SUPERPIXELS=slic, grid or none
DATA_OPTIONS = $(strip --start "$(START)" $(if $(LIMIT),--limit "$(LIMIT)") $(if $(filter-out 0,$(FORCE)),--force) \
  $(if $(WIDTH),--width "$(WIDTH)") $(if $(HEIGHT),--height "$(HEIGHT)") $(if $(DWIDTH),--dwidth "$(DWIDTH)") \
  $(if $(DHEIGHT),--dheight "$(DHEIGHT)") $(if $(SUPERPIXELS),--superpixels "$(SUPERPIXELS)"))
$(DATA_VERBS):
	$(PY) scripts/datasets.py $@ $(filter-out $(DATA_VERBS),$(MAKECMDGOALS)) --data_dir "$(DATA_DIR)" $(DATA_OPTIONS)

$(DATA_SETS):
	@$(if $(filter $(DATA_VERBS),$(MAKECMDGOALS)),:,echo "make download $@, preprocess $@ or convert $@" >&2; exit 2)

tflite: $(TFLITE)/.ready  ## TFLite files for phones: make tflite TRAIN_URL=Model CALIBRATION=pictures/
	$(TFLITE)/bin/python scripts/convert_tflite.py --train_url "$(TRAIN_URL)" \
	  $(if $(CALIBRATION),--calibration_list "$(CALIBRATION)")

test: $(VENV)/.dev lint  ## the test suite (minutes)
	$(PY) -m pytest -q -m "not slow"

test-slow: $(VENV)/.dev  ## the long checks: trainings to a figure
	$(PY) -m pytest -q -m slow

bench: $(VENV)/.dev  ## side-by-side measurements
	$(PY) -m benchmarks

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/shellcheck scripts/*.sh ascend310_infer/build.sh .ci/run

clean:  ## remove what the build of the C++ program and the demo made
	rm -rf ascend310_infer/build $(DEMO_DIR)

define check_python
	@$(PYTHON3) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
	  { echo "Python 3.11 or 3.12 is needed, found $$($(PYTHON3) --version 2>&1); give PYTHON3=..." >&2; exit 2; }
	@$(PYTHON3) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "python3-venv is missing: install your system's package of that name" >&2; exit 2; }
endef

$(VENV)/.runtime: requirements.txt requirements-infer.txt
	$(check_python)
	@for tool in cmake c++; do command -v $$tool > /dev/null || \
	  { echo "$$tool is missing: the C++ program is built with cmake and a C++17 compiler" >&2; exit 2; }; done
	$(PYTHON3) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-infer.txt
	touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# onnx2tf and tf-keras would bring TensorFlow for GPUs, OpenCV with window libraries, and tools not used here.
$(TFLITE)/.ready: requirements-tflite.txt
	$(check_python)
	$(PYTHON3) -m venv $(TFLITE)
	$(TFLITE)/bin/pip install --quiet --disable-pip-version-check -r requirements-tflite.txt
	$(TFLITE)/bin/pip install --quiet --disable-pip-version-check --no-deps onnx2tf==1.29.24 tf-keras==2.19.0
	touch $@
