"""Exports TFLite files: conversion, half precision, metadata, training on a device."""
