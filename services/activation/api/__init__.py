"""Activation's RPCs: conversion between protobuf and calls."""
